/** What is loaded or compiled late: it takes real time, which no clock of ours moves, so that a simulated one stands still meanwhile. */

let loads = 0;

/** @param load begins it, at once */
export async function loading<T>(load: () => Promise<T>): Promise<T> {
  loads++;
  try {
    return await load();
  } finally {
    loads--;
  }
}

export const isLoading = (): boolean => loads > 0;
