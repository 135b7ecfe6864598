/** What an inspector may see: secrets masked wherever they stand, sizes cut with a mark, and no value that breaks it. */

import { redact } from "asimov-agents/inspect";
import { describe, expect, it } from "vitest";
import { createActor, createMachine } from "xstate";
import { shownMessageOf } from "#contract/base/error-details";

const canary = "cAnArY0123456789";

describe("redact: keys", () => {
  it.each([
    "apiKey",
    "api_key",
    "API-KEY",
    "X-Api-Key",
    "OPENAI_API_KEY",
    "apikey",
    "token",
    "accessToken",
    "refresh_token",
    "sessionTokenValue",
    "password",
    "dbPassword",
    "passwd",
    "secret",
    "clientSecretValue",
    "Authorization",
    "cookie",
    "Set-Cookie",
    "credentials",
    "AWSSecretAccessKey",
    "privateKey2",
    "signingKey",
  ])("masks what stands under %s", (key) => {
    expect(redact({ [key]: canary })).toEqual({ [key]: "[redacted]" });
    expect(redact(new Map([[key, { nested: canary }]]))).toEqual({ [key]: "[redacted]" });
  });

  it.each([
    "monkey",
    "keyboard",
    "tokenize",
    "secretary",
    "passenger",
    "author",
    "cacheKey",
    "idempotencyKey",
    "keyCount",
    "key",
    "keys",
    "Key 2",
  ])("shows what stands under %s, where the word is a part of another or a name", (key) => {
    expect(redact({ [key]: canary })).toEqual({ [key]: canary });
  });

  it("masks a text that is a secret by its form under any key", () => {
    expect(redact({ key: `sk-${canary}` })).toEqual({ key: "[redacted]" });
  });

  it("keeps counts of tokens and hides a number that is a password", () => {
    const usage = { tokens: 250, inputTokens: 3, token: { input: 1, output: 2 } };
    expect(redact(usage)).toEqual(usage);
    expect(redact({ password: 12345678 })).toEqual({ password: "[redacted]" });
  });

  it("keeps what says that there is no secret", () => {
    const empty = { apiKey: null, token: undefined, password: "", secret: false };
    expect(redact(empty)).toEqual(empty);
  });
});

const secrets = [
  `sk-${canary}`,
  `sk-ant-api03-${canary}`,
  `Bearer ${canary}`,
  `Authorization: Basic ${canary}`,
  "AKIAIOSFODNN7EXAMPLE",
  `ghp_${canary}`,
  `eyJhbGciOiJIUzI1NiJ9.${canary}.${canary}`,
  `redis://user:${canary}@localhost:6379/0`,
  `redis://:${canary}@localhost`,
  `{"apiKey":"${canary}"}`,
  JSON.stringify(JSON.stringify({ password: canary })),
  `password=${canary}&user=me`,
  `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----`,
];

describe("redact: text", () => {
  it.each(secrets)("masks the secret in %s", (secret) => {
    const shown = String(redact(`before ${secret} after`));
    expect(shown).toContain("before ");
    expect(shown).toContain("[redacted]");
    expect(shown).not.toContain(canary);
    expect(shown).not.toContain("AKIAIOSFODNN7EXAMPLE");
  });

  const long = canary.repeat(20);
  it.each([...secrets.map((text) => text.replaceAll(canary, long)), `password="${canary} ${long}"`, `redis://user:${canary.repeat(60)}@h`])(
    "shows no part of a secret where it is cut: %s",
    (secret) => {
      // Wherever the cut is, it is once at each place of the secret; what is masked before it makes the text shorter.
      for (let pad = 0; pad <= secret.length; pad++) {
        const text = `${" ".repeat(pad)}${`${secret} `.repeat(Math.ceil(40_000 / secret.length))}`;
        for (const shown of [String(redact(text)), shownMessageOf(text)]) {
          expect(shown).not.toMatch(/cAn|AKIAI|BEGIN/);
          expect(shown).toMatch(/…( [\d,]+ more characters)?$/);
        }
      }
    },
  );

  it("masks a secret that the cut would split", () => {
    const text = `${"a ".repeat(40)} Bearer ${canary}${canary}`;
    expect(redact(text, { maxStringLength: 64 })).not.toContain(canary.slice(0, 4));
  });

  it.each([
    "The token budget was 250 tokens: 12 were used.",
    "https://example.com:8080/a@b",
    "risk-assessment-of-the-year",
    "a key: it opens",
  ])("leaves %s as it is", (text) => {
    expect(redact(text)).toBe(text);
  });

  it("masks in the keys of a dictionary, and in the names of errors and symbols", () => {
    const error = new Error(`refused: Bearer ${canary}`, { cause: { apiKey: canary } });
    const shown = JSON.stringify(redact({ [`Bearer ${canary}`]: 1, error, symbol: Symbol(`sk-${canary}`) }));
    expect(shown).not.toContain(canary);
    expect(shown).toContain("refused");
  });
});

describe("redact: sizes", () => {
  it("cuts a long string and says how much is missing", () => {
    const shown = String(redact("x".repeat(5_000), { maxStringLength: 100 }));
    expect(shown.length).toBeLessThanOrEqual(100);
    expect(shown).toMatch(/x… 4,940 more characters$/);
  });

  it("cuts wide arrays, objects, Maps and Sets", () => {
    const numbers = Array.from({ length: 1_000 }, (_, index) => index);
    const options = { maxEntries: 3 };
    expect(redact(numbers, options)).toEqual([0, 1, "… 998 more"]);
    expect(redact(new Set(numbers), options)).toEqual([0, 1, "… 998 more"]);
    expect(redact({ a: 1, b: 2, c: 3, d: 4, e: 5 }, options)).toEqual({ a: 1, b: 2, "…": "at least 3 more" });
    expect(redact({ a: 1, b: 2, c: 3 }, options)).toEqual({ a: 1, b: 2, c: 3 });
  });

  it("cuts what is deep", () => {
    expect(redact({ a: { b: { c: {} } } }, { maxDepth: 2 })).toEqual({ a: { b: "[object]" } });
    expect(redact([[[1, 2]]], { maxDepth: 2 })).toEqual([["[array of 2]"]]);
  });

  it("reads no more than it keeps", () => {
    let reads = 0;
    const wide = new Proxy(
      Array.from({ length: 100_000 }, () => 0),
      {
        get(target, key, receiver) {
          reads++;
          return Reflect.get(target, key, receiver);
        },
      },
    );
    redact({ wide: Array.from({ length: 100 }, () => wide) }, { maxValues: 500 });
    expect(reads).toBeLessThan(5_000);
  });

  it("leaves a copy alone that was redacted before", () => {
    const value = { text: "x".repeat(5_000), list: Array.from({ length: 500 }, () => "y"), deep: { a: { b: { c: 1 } } }, apiKey: canary };
    const options = { maxDepth: 3, maxEntries: 50, maxStringLength: 200 };
    const once = redact(value, options);
    expect(redact(once, options)).toEqual(once);
  });

  it("refuses limits that it does not know", () => {
    expect(() => redact({}, { maxDepht: 3 } as object)).toThrow(expect.objectContaining({ code: "invalid-options" }));
    expect(() => redact({}, { maxStringLength: 1 })).toThrow(/maxStringLength/);
  });
});

describe("redact: odd values", () => {
  it("shows a circle, a throwing getter, functions, dates, errors, actors and bytes by marks", () => {
    const actor = createActor(createMachine({}), { id: "worker" });
    const circle: Record<string, unknown> = {
      get broken(): never {
        throw new Error("no");
      },
      act: function act() {},
      at: new Date(0),
      never: new Date(Number.NaN),
      big: 10n,
      bytes: new Uint8Array(2_048),
      actor,
      error: new RangeError("too far"),
      later: Promise.resolve(),
      nothing: null,
    };
    circle.self = circle;
    expect(redact(circle)).toEqual({
      broken: "[unreadable]",
      act: "[function act]",
      at: "1970-01-01T00:00:00.000Z",
      never: "[invalid date]",
      big: "10",
      bytes: "[2,048 bytes]",
      actor: { xstate$$type: 1, id: "worker" },
      error: { name: "RangeError", message: "too far" },
      later: "[promise]",
      nothing: null,
      self: "[circular]",
    });
  });

  it("shows one value twice where it is shared and not circular", () => {
    const shared = { a: 1 };
    expect(redact([shared, shared])).toEqual([shared, shared]);
  });

  it("survives hostile proxies", () => {
    const throwing = () => {
      throw new Error("trap");
    };
    const hostile = new Proxy({}, { get: throwing, ownKeys: throwing, getPrototypeOf: throwing, has: throwing });
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    expect(redact([hostile, revoked.proxy, 1])).toEqual(["[unreadable]", "[unreadable]", 1]);
  });

  it("takes a key __proto__ as plain data", () => {
    const shown = redact(JSON.parse('{"__proto__":{"isAdmin":true}}')) as { isAdmin?: boolean };
    expect(shown.isAdmin).toBeUndefined();
    expect(Object.hasOwn(shown, "__proto__")).toBe(true);
  });

  it("changes nothing in the value itself", () => {
    const value = Object.freeze({ apiKey: canary, list: Object.freeze([canary]) });
    redact(value);
    expect(value).toEqual({ apiKey: canary, list: [canary] });
  });
});
