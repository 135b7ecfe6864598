/** Values as a view shows them: secrets masked, sizes cut, so that a picture of 10,000 nodes can be sent and kept. */
import { errorEntries, type RedactLimits, Redactor } from "#contract/base/redactor";

const LIMITS: RedactLimits = { maxDepth: 6, maxEntries: 30, maxStringLength: 1_000, maxValues: 100, maskSecrets: true };

export const shownValue = (value: unknown): unknown => new Redactor(LIMITS, errorEntries).value(value);

export const shownText = (text: string): string => shownValue(text) as string;
