/** Texts as PostgreSQL can hold them, and the keys by which they are found. */
import { digestOf } from "#contract/store/digest";

/** No text of PostgreSQL holds U+0000: it is written as U+0001 twice, and U+0001 as U+0001 U+0002, which leaves the order as it is. */
export const escaped = (text: string): string => text.replaceAll("\u0001", "\u0001\u0002").replaceAll("\0", "\u0001\u0001");

export const unescaped = (text: string): string => text.replaceAll("\u0001\u0001", "\0").replaceAll("\u0001\u0002", "\u0001");

/** A text of any length as a value of type `uuid`, for an index. */
export const keyOf = (text: string): string => digestOf(text);

/** As the database writes it, without its dashes. */
export const plainKey = (uuid: string): string => uuid.replaceAll("-", "");

export const labelKey = (name: string, value: string): string => digestOf(JSON.stringify([name, value]));
