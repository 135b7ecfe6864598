/** How two copies of the package in one process, as bundles and nested dependencies make them, know each other's things. */

/** It changes when what a class of this package is relied on for changes, so that copies that do not fit are strangers. */
const PROTOCOL = 1;

const symbolOf = (name: string): symbol => Symbol.for(`asimov-agents/${name}`);
const isOrdinaryInstance = Function.prototype[Symbol.hasInstance];

function bears(value: unknown, mark: symbol): boolean {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  return isObject && (value as Readonly<Record<symbol, unknown>>)[mark] === PROTOCOL;
}

/**
 * Makes `instanceof` true for the instances of every copy of a class of the package, those of subclasses too. A user's own subclass
 * is asked for as any class is, by its prototype.
 *
 * @param kind the name of the class, the same in every copy
 * @param alsoOf further kinds whose instances its own count as
 */
export function brand(owner: abstract new (...given: never[]) => object, kind: string, ...alsoOf: readonly string[]): void {
  for (const name of [kind, ...alsoOf]) Object.defineProperty(owner.prototype, symbolOf(name), { value: PROTOCOL });
  const mark = symbolOf(kind);
  Object.defineProperty(owner, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      return this === owner ? bears(value, mark) : isOrdinaryInstance.call(this, value);
    },
  });
}

/** What all copies of the package in a process hold in common: made by the first that asks. */
export function inCommon<T extends object>(name: string, make: () => T): T {
  const held = globalThis as unknown as Record<symbol, T | undefined>;
  const common = held[symbolOf(name)] ?? make();
  held[symbolOf(name)] = common;
  return common;
}
