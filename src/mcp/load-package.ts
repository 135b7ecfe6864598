/** The protocol's own packages, loaded when they are first needed. */
import { NonRetryableError } from "#contract/base/errors";

/** @throws NonRetryableError `missing-package` */
export async function loadPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new NonRetryableError(`The package ${name} is not installed. Install it: npm install ${name}`, { code: "missing-package" });
  }
}
