/** What providers have and the library does not name, in their own words. */

/**
 * Members of the request's body by provider, and its headers under `headers`. The entry of a client adds the types of its SDK, where that is installed:
 * what it knows is checked, and what it does not know yet may be said all the same.
 */
export interface ProviderOptions {
  [provider: string]: Record<string, unknown> | undefined;
}

/** Of one provider. @typeParam Body of a request, as its SDK takes it */
export type InProviderWords<Body> = Partial<Body> & { headers?: Record<string, string> } & Record<string, unknown>;

/** An SDK's words where these are enums: also as the texts that they stand for, as the provider's documentation has them. */
export type EnumsAsText<T> = T extends string
  ? T | `${T}`
  : T extends readonly (infer E)[]
    ? EnumsAsText<E>[]
    : T extends object
      ? { [K in keyof T]: EnumsAsText<T[K]> }
      : T;
