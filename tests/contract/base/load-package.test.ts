/** A package that is missing, and one that is there and does not load, are told apart. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadPackage } from "#contract/base/load-package";

describe("a package that is loaded when it is needed", () => {
  let place: string;
  let load: (name: string) => Promise<unknown>;
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), "asimov-package-"));
    await mkdir(join(place, "node_modules", "outer"), { recursive: true });
    await writeFile(join(place, "node_modules", "outer", "index.js"), 'module.exports = require("inner");');
    const require = createRequire(join(place, "any.js"));
    load = async (name) => require(name);
  });
  afterEach(() => rm(place, { recursive: true, force: true }));

  it("is to be installed where it is missing", async () => {
    await expect(loadPackage("inner", () => load("inner"))).rejects.toMatchObject({
      code: "missing-package",
      message: "The package inner is not installed. Install it: npm install inner",
    });
  });

  it("is broken where it needs what is missing, and says what that is", async () => {
    await expect(loadPackage("outer", () => load("outer"))).rejects.toMatchObject({
      code: "broken-package",
      message: expect.stringContaining("inner"),
    });
  });
});
