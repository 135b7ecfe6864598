/** The interface that zod, Valibot, ArkType and others share, and how a library tells its schemas as JSON Schema; see standardschema.dev. */

export type JsonSchema = { readonly [key: string]: unknown };

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** Part of the interface in later versions of the libraries. */
export interface Telling {
  input(options: { target: string; libraryOptions?: Readonly<Record<string, unknown>> }): JsonSchema;
}

export const tellingOf = (schema: StandardSchema): Telling | undefined => (schema["~standard"] as { jsonSchema?: Telling }).jsonSchema;

/** Of zod 4, `zod/mini` among it. */
export const isZod = (schema: StandardSchema): boolean => schema["~standard"].vendor === "zod" && "_zod" in schema;
