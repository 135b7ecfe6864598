/** Made at its first use, and once: what an import does not need, as most schemas, does not hold it up. */
export function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
