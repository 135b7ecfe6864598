/** Two versions of a client in one process are two sets of classes: BullMQ and the stores share one. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, it } from "vitest";

it("is installed in one version, which BullMQ finds, too", () => {
  const lock = JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8"));
  const places = Object.keys(lock.packages).filter((place) => place.endsWith("node_modules/ioredis"));
  expect(places).toEqual(["node_modules/ioredis"]);
  const { resolve } = createRequire(import.meta.url);
  expect(createRequire(resolve("bullmq")).resolve("ioredis")).toBe(resolve("ioredis"));
});
