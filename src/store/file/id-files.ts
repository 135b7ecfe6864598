/** Files that are named by an id of any length: the place of an id, and behind it what tells one writing of it from another. */
import { systemServices } from "#contract/base/services";
import type { Disk } from "./disk.ts";

const PLACE_LENGTH = 40;

/** The same for the same id. */
export const idOf = (disk: Disk, id: string): string => disk.host.crypto.hash("sha256", id, "hex").slice(0, PLACE_LENGTH);

/** Of two who write at once each has a file of its own: the step that is made says whose counts. */
export const uniqueFile = (place: string): string => `${place}-${systemServices.ids()}`;

export const placeOf = (file: string): string => file.slice(0, PLACE_LENGTH);
