/** How deep JSON may be nested that a model wrote: deeper values end some reader's stack, by an error that names nothing. */
export const MAX_MODEL_DEPTH = 512;

/** @param levels that are left */
export function isTooDeep(value: unknown, levels: number = MAX_MODEL_DEPTH): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((part) => isTooDeep(part, levels - 1));
}
