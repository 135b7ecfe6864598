/** A run's messages: a file each, named by its id, and a mark for it when it was taken, so that the id is known for good. */
import type { MessageOrder, StoredMessage } from "#contract/store/run-commit";
import { checkedText, damaged, readChecked, type SealedJson, sealedOf } from "./checked-json.ts";
import type { Disk } from "./disk.ts";
import { errorCode, present } from "./host.ts";
import { idOf, placeOf, uniqueFile } from "./id-files.ts";
import type { Pending } from "./run-log.ts";

export const INBOX = "inbox";

interface MessageJson {
  id: string;
  mailbox: string;
  body: SealedJson;
}

export class Inbox {
  readonly #disk: Disk;
  readonly #folder: string;

  constructor(disk: Disk, taskFolder: string) {
    this.#disk = disk;
    this.#folder = disk.host.path.join(taskFolder, INBOX);
  }

  /** Whether the run was ever sent a message of that id. */
  has(pending: readonly Pending[], id: string): boolean {
    const place = idOf(this.#disk, id);
    return pending.some(({ file }) => placeOf(file) === place) || this.#wasTaken(place);
  }

  #wasTaken(place: string): boolean {
    return this.#disk.host.fs.existsSync(this.#path(place, "taken"));
  }

  /** Before it is counted: another one of that id, which was never counted, has a file of its own. */
  async put({ id, mailbox, body }: MessageOrder): Promise<string> {
    const file = uniqueFile(idOf(this.#disk, id));
    await this.#disk.publish(this.#path(file, "json"), checkedText(this.#disk.host, { id, mailbox, body }));
    return file;
  }

  /** Before the commit that takes them: until then they count as long as the run lists them. */
  async mark(taken: readonly Pending[]): Promise<void> {
    for (const { file } of taken) {
      await this.#disk.writeFile(this.#path(placeOf(file), "taken"), "").catch((error: unknown) => {
        if (errorCode(error) !== "EEXIST") throw error;
      });
    }
    if (taken.length > 0) await this.#disk.syncFolder(this.#folder);
  }

  forget(files: readonly string[]): void {
    for (const file of files) this.#disk.forget(this.#path(file, "json"));
  }

  /** Undefined when it was taken meanwhile. */
  read({ n, file, at }: Pending): StoredMessage | undefined {
    const { host } = this.#disk;
    const path = this.#path(file, "json");
    const bytes = present(path, () => host.fs.readFileSync(path));
    if (bytes === undefined) {
      if (this.#wasTaken(placeOf(file))) return undefined;
      throw damaged(path, "expected a message, found no such file");
    }
    return readChecked(host, path, bytes, ({ id, mailbox, body }: MessageJson) => {
      if (idOf(this.#disk, id) !== placeOf(file))
        throw damaged(path, `expected the message of this name, found message ${JSON.stringify(id)}`);
      return { n, id, mailbox, body: sealedOf(host, body), at };
    });
  }

  #path(file: string, kind: "json" | "taken"): string {
    return this.#disk.host.path.join(this.#folder, `${file}.${kind}`);
  }
}
