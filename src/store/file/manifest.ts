/** One generation's folder: a manifest, and the files with the parts that changed since the generation that it goes on from. */
import type { Sealed } from "#contract/store/run-record";
import { checkedText, damaged, readChecked, type SealedJson, sealedOf } from "./checked-json.ts";
import type { Disk } from "./disk.ts";
import { allOf } from "./disk.ts";
import { present, readFailed } from "./host.ts";
import { type FileName, layOut, type PartExtent, splitFile } from "./layout.ts";

const MANIFEST = "manifest.json";

export interface Manifest {
  taskId: string;
  generation: number;
  /** Of the lease that it was written under. */
  token: number;
  at: number;
  /** What the commit wrote, before anything was gathered. */
  bytes: number;
  /** The generation that it goes on from; 0: it holds all parts. */
  base: number;
  /** Parts of the base that are gone. */
  gone: readonly string[];
  nodes: readonly string[];
  info: Sealed;
}

interface ManifestFile {
  name: FileName;
  bytes: number;
  sha256: string;
  parts: PartExtent[];
}

export interface Found extends Manifest {
  folder: string;
  files: readonly ManifestFile[];
}

/** Writes a folder that nobody reads before it has its name. */
export async function writeGeneration(disk: Disk, folder: string, manifest: Manifest, parts: ReadonlyMap<string, Sealed>): Promise<void> {
  const { host } = disk;
  const laid = layOut(host, parts);
  const files = laid.map(({ name, text, parts: extents }) => {
    const content = new TextEncoder().encode(text);
    return { name, bytes: content.length, sha256: host.crypto.hash("sha256", content, "hex"), parts: extents };
  });
  host.fs.mkdirSync(folder, { mode: 0o700 });
  await allOf([
    ...laid.map(({ name, text }) => disk.writeFile(host.path.join(folder, name), text)),
    disk.writeFile(host.path.join(folder, MANIFEST), checkedText(host, { ...manifest, files })),
  ]);
  await disk.syncFolder(folder);
}

/** Undefined where the folder holds no manifest of that generation. @throws SnapshotError `snapshot-damaged` */
export function readManifest(disk: Disk, folder: string, taskId: string, generation: number): Found | undefined {
  const path = disk.host.path.join(folder, MANIFEST);
  const bytes = present(path, () => disk.host.fs.readFileSync(path));
  if (bytes === undefined) return undefined;
  return readChecked(disk.host, path, bytes, (value: Omit<Found, "folder" | "info"> & { info: SealedJson }) => {
    if (value.taskId !== taskId || value.generation !== generation) return undefined;
    return { ...value, info: sealedOf(disk.host, value.info), folder };
  });
}

/** The parts that stand in a generation's own files. @throws SnapshotError `snapshot-damaged` */
export async function readParts(disk: Disk, { folder, files }: Found): Promise<[name: string, content: Sealed][]> {
  return (await Promise.all(files.map((file) => readTexts(disk, folder, file)))).flat();
}

async function readTexts({ host }: Disk, folder: string, file: ManifestFile): Promise<[string, Sealed][]> {
  const path = host.path.join(folder, file.name);
  const bytes = await host.fs.promises.readFile(path).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === "ENOENT") throw damaged(path, `expected ${file.bytes} bytes, found no such file`);
    throw readFailed(path, error);
  });
  if (bytes.length !== file.bytes) throw damaged(path, `expected ${file.bytes} bytes, found ${bytes.length}`);
  const found = host.crypto.hash("sha256", bytes, "hex");
  if (found !== file.sha256) throw damaged(path, `expected sha-256 ${file.sha256}, found ${found}`);
  const texts = splitFile(file.name, new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), file.parts);
  if (texts === undefined) throw damaged(path, "expected the parts that the manifest lists, found others");
  return file.parts.map(([name, , isBytes], index) => {
    const text = texts[index] as string;
    return [name, isBytes === 1 ? sealedOf(host, JSON.parse(text) as SealedJson) : text];
  });
}
