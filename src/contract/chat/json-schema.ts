/** The part of zod that makes a check of JSON Schema: loaded when something is checked first, since it needs all kinds of schemas. */
export { fromJSONSchema } from "zod";
