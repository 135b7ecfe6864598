/** A 128-bit hash of a text or bytes: the first half of SHA-256, by the platform where that is quick, else by ourselves. */
import { lazily } from "#contract/base/lazily";
import { sha256 } from "./sha256.ts";

type Hash = (input: string | Uint8Array) => string;

interface Platform {
  process?: {
    getBuiltinModule?(name: "crypto"): { hash?(algorithm: "sha256", input: string | Uint8Array, encoding: "hex"): string } | undefined;
  };
}

const platformHash = lazily<Hash>(() => {
  const native = (globalThis as Platform).process?.getBuiltinModule?.("crypto")?.hash;
  return native === undefined ? sha256 : (input) => native("sha256", input, "hex");
});

/** 32 digits of hexadecimal. */
export const digestOf: Hash = (input) => platformHash()(input).slice(0, 32);
