/** JSON Schema as it is written becomes what the validator can judge, or is refused by its place, without the validator. */
import { copyJson } from "#contract/base/json";
import { lazily } from "#contract/base/lazily";
import {
  type Dialect,
  dialectOf,
  type Holder,
  isHolder,
  isObject,
  KEYWORDS,
  type Keywords,
  requireForm,
  requirePattern,
  shown,
  UNKNOWN,
} from "./dialects.ts";
import { requireJudged } from "./in-place.ts";
import { type Decisions, type Judged, References, step, UNNAMED } from "./references.ts";

export interface Checkable {
  readonly dialect: Dialect;
  readonly root: Judged;
  /** What each `$ref` leads to. */
  readonly targets: Readonly<Record<string, Judged>>;
}

/** All of one shape: the validator reads every keyword of each schema, and is a quarter faster where it finds them in the same places. */
const UNDECIDED = lazily((): Decisions => {
  const deciding = Object.values(KEYWORDS).flatMap((known) => [...known()].filter(([, { decides }]) => decides));
  return Object.fromEntries(["$ref", ...deciding.map(([keyword]) => keyword)].map((keyword) => [keyword, undefined]));
});

class Misplaced extends Error {}

/** A fault is told with its place, the innermost one. */
function within<T>(at: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Misplaced ? error : new Misplaced(`at ${at}: ${(error as Error).message}`);
  }
}

/** @throws Error with the reason, and the place as a JSON pointer */
export function readJsonSchema(given: object): Checkable {
  const schema = copyJson(given, "it") as Keywords;
  const dialect = within("#/$schema", () => dialectOf(schema.$schema));
  const references = new References(dialect);
  const root = new Reader(dialect, references).read(schema, "#", UNNAMED);
  const targets = references.resolve();
  requireJudged(references.schemas, dialect, targets);
  return { dialect, root, targets };
}

class Reader {
  readonly #dialect: Dialect;
  readonly #references: References;

  constructor(dialect: Dialect, references: References) {
    this.#dialect = dialect;
    this.#references = references;
  }

  read(schema: unknown, at: string, outer: string): Judged {
    return within(at, () => {
      if (typeof schema !== "boolean" && !isObject(schema)) {
        throw new Error(`expected a schema (an object, true or false), got ${shown(schema)}`);
      }
      const judged = typeof schema === "boolean" ? schema : { ...UNDECIDED() };
      this.#references.schemas.set(at, judged);
      if (typeof schema !== "boolean") this.#fill(judged as Decisions, schema, at, outer);
      return judged;
    });
  }

  #fill(judged: Decisions, schema: Keywords, at: string, outer: string): void {
    this.#requireDialect(schema, at);
    const holding: [keyword: string, form: Holder, decides: boolean][] = [];
    for (const [keyword, value] of Object.entries(schema)) {
      const { form, decides } = KEYWORDS[this.#dialect]().get(keyword) ?? UNKNOWN;
      if (isHolder(form)) holding.push([keyword, form, decides]);
      else within(step(at, keyword), () => requireForm(form, value));
      if (decides) judged[keyword] = value;
    }
    const base = within(at, () => this.#references.enter(schema, at, outer));
    for (const [keyword, form, decides] of holding) {
      const place = step(at, keyword);
      const read = within(place, () => this.#held(form, schema[keyword], place, base));
      if (decides) judged[keyword] = read;
    }
    const place = step(at, "$ref");
    if (schema.$ref !== undefined) within(place, () => this.#references.refer(judged, schema.$ref as string, place, base));
  }

  #requireDialect(schema: Keywords, at: string): void {
    within(step(at, "$schema"), () => {
      if (schema.$schema === undefined || dialectOf(schema.$schema) === this.#dialect) return;
      throw new Error("it is of another dialect than the schema around it, which is not supported");
    });
    within(step(at, "$dynamicRef"), () => {
      if (this.#dialect !== "7" && schema.$dynamicRef !== undefined) throw new Error("it is not supported; refer by $ref");
    });
  }

  #held(form: Holder, value: unknown, at: string, base: string): unknown {
    switch (form) {
      case "schema":
        return this.read(value, at, base);
      case "schemas":
        if (!Array.isArray(value) || value.length === 0) throw new Error(`expected a list of schemas, got ${shown(value)}`);
        return value.map((schema, index) => this.read(schema, step(at, String(index)), base));
      case "schema or schemas":
        return Array.isArray(value)
          ? value.map((schema, index) => this.read(schema, step(at, String(index)), base))
          : this.read(value, at, base);
      case "patterned schemas":
        return this.#named(value, at, (schema, place, name) => {
          requirePattern(name);
          return this.read(schema, place, base);
        });
      case "dependencies":
        return this.#named(value, at, (needed, place) => {
          if (!Array.isArray(needed)) return this.read(needed, place, base);
          requireForm("names", needed);
          return needed;
        });
      case "named schemas":
        return this.#named(value, at, (schema, place) => this.read(schema, place, base));
    }
  }

  #named(value: unknown, at: string, read: (value: unknown, place: string, name: string) => unknown): unknown {
    if (!isObject(value)) throw new Error(`expected an object of schemas, got ${shown(value)}`);
    return Object.fromEntries(
      Object.entries(value).map(([name, held]) => {
        const place = step(at, name);
        if (!name.isWellFormed()) throw new Error(`expected names that are well-formed texts, got ${shown(name)}`);
        return [name, within(place, () => read(held, place, name))];
      }),
    );
  }
}
