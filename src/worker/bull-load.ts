/** The packages that a queue on BullMQ needs, when it is used. */
import { AsimovError } from "#contract/base/errors";

/** As CommonJS: BullMQ's Postgres backend finds `pg` there alone. @throws AsimovError `missing-package` */
export async function load<T>(name: string): Promise<T> {
  try {
    const { createRequire } = await import("node:module");
    return createRequire(import.meta.url)(name) as T;
  } catch (cause) {
    throw new AsimovError("bullQueue needs the package bullmq, and ioredis or pg beside it: `npm install bullmq ioredis`.", {
      code: "missing-package",
      cause,
    });
  }
}
