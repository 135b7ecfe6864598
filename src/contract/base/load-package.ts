/** A package of the caller's own, loaded when it is first needed: where it is missing, the error says what to install. */
import { AsimovError, messageOf, NonRetryableError } from "./errors.ts";

/**
 * @param load imports the package by its literal name, so that bundlers see it
 * @throws NonRetryableError `missing-package`; AsimovError `broken-package` for one that is there and does not load
 */
export async function loadPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code } = error as { code?: unknown };
    const isNotFound = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    if (isNotFound && isNamedIn(messageOf(error), name)) {
      throw new NonRetryableError(`The package ${name} is not installed. Install it: npm install ${name}`, { code: "missing-package" });
    }
    throw new AsimovError(`The package ${name} could not be loaded: ${messageOf(error)}`, { code: "broken-package", cause: error });
  }
}

/** In quotes, itself or a part of it: of what it needs itself, its own name stands in the path of who has asked. */
const isNamedIn = (message: string, name: string): boolean =>
  ["'", '"', "`"].some((quote) => message.includes(`${quote}${name}${quote}`) || message.includes(`${quote}${name}/`));
