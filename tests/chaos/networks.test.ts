/** What a machine lacks on which no networks can be made is said by name, and nothing of them stays behind. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../support/program.ts";
import { makeNetworks } from "./networks.ts";

const { PATH } = process.env;

describe("networks of their own", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "asimov-ip-"));
  });
  afterEach(() => {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true });
  });

  /** The program `ip` is from now on one that refuses what the pattern of a shell names, in the words given. */
  function refuse(pattern: string, words: string): void {
    const script = `#!/bin/sh\necho "$*" >> ${folder}/log\ncase "$*" in ${pattern}) echo "${words}" >&2; exit 1;; esac\n`;
    writeFileSync(join(folder, "ip"), script, { mode: 0o755 });
    process.env.PATH = `${folder}:${PATH}`;
  }

  it("are left out where there are no rights for them, with what the machine said, and what was made is removed", () => {
    refuse('"netns add "*n1', "mount failed: Operation not permitted");
    expect(makeNetworks(3)).toBe("rights for network namespaces (CAP_SYS_ADMIN and CAP_NET_ADMIN; mount failed: Operation not permitted)");
    const asked = readFileSync(join(folder, "log"), "utf8").trimEnd().split("\n");
    const bridge = /(?<=^link add )\S+(?= type bridge$)/.exec(asked[0] ?? "")?.[0];
    const [first] = /(?<=^netns add )\S+n0$/m.exec(asked.join("\n")) ?? [];
    expect(asked).toContain(`netns del ${first}`);
    expect(asked.at(-1)).toBe(`link del ${bridge}`);
  });

  it("are left out where there is no program for them, by its name", () => {
    process.env.PATH = folder;
    expect(makeNetworks(3)).toBe("the program `ip` (Debian's iproute2)");
  });

  it("are said in the output of the command to have been left out", async () => {
    refuse("*", "RTNETLINK answers: Operation not permitted");
    const { stdout, stderr, code } = await run(process.execPath, ["--conditions=asimov-source", "tests/chaos/run.ts", "--cuts", "10"]);
    const lacks = "rights for network namespaces (CAP_SYS_ADMIN and CAP_NET_ADMIN; RTNETLINK answers: Operation not permitted)";
    expect([stdout, stderr, code]).toEqual([`Left out: networks that are cut off, 10 times. This machine lacks ${lacks}.\n`, "", 0]);
  });
});
