/** A provider's SDK is loaded at the first call; where it is missing, the error says what to install. */
import { AsimovError, messageOf, NonRetryableError } from "#contract/base/errors";

/**
 * @param load imports the package by its literal name, so that bundlers see it
 * @throws NonRetryableError `missing-package`
 */
export async function loadSdk<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code } = error as { code?: unknown };
    const isMissing = (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") && messageOf(error).includes(name);
    if (isMissing) {
      throw new NonRetryableError(`The package ${name} is not installed; this client needs it. Install it: npm install ${name}`, {
        code: "missing-package",
      });
    }
    throw new AsimovError(`The package ${name} could not be loaded: ${messageOf(error)}`, { code: "broken-package", cause: error });
  }
}

/** Made at the first call, and the same from then on; where that fails, it is tried again at the next. */
export function onceMade<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
