/** Which pieces of a short text stand in longer ones: a suffix automaton of the text, and one walk over each of the others. */

/** Any shorter piece may be passed over: each of this length holds three letters in a row at a place that three divides. */
export const SHORTEST_PIECE = 5;
const STEP = 3;

/**
 * In time linear in what was said, whatever both are made of; most of it is passed over three letters at a time.
 *
 * @returns for each place of the text, the length of the longest piece ending there, with it, that was said; where that is less than
 *   `SHORTEST_PIECE`, any lower figure
 */
export function saidLengths(text: string, said: Iterable<string>): Uint16Array {
  const { classes, width } = classesOf(text);
  const { next, link, length, ends } = automatonOf(text, classes, width);
  /** The longest that was met of each state's pieces, which are all suffixes of each other. */
  const met = new Uint16Array(length.length);
  const isTriple = triplesOf(text, classes);
  for (const piece of said) {
    for (let place = 0; place + STEP <= piece.length; place += STEP) {
      if (isTriple[tripleAt(piece, place, classes)] === 0) continue;
      let state = 0;
      let reached = 0;
      // A piece that began before would have been seen at the place before.
      let at = Math.max(0, place - STEP + 1);
      for (; at < piece.length && (at < place + STEP || reached >= STEP); at++) {
        const letter = classes[piece.charCodeAt(at)] as number;
        while (state !== 0 && next[state * width + letter] === 0) {
          state = link[state] as number;
          reached = length[state] as number;
        }
        state = next[state * width + letter] as number;
        reached = state === 0 ? 0 : reached + 1;
        if (reached > (met[state] as number)) met[state] = reached;
      }
      if (at === piece.length) break;
      // The next piece begins where fewer than three letters of this walk still fit, or later.
      place = Math.floor((at - reached - 1) / STEP) * STEP;
    }
  }
  // Whoever said a piece has said its suffixes.
  for (const state of longestFirst(length)) {
    const shorter = link[state] as number;
    if (met[state] !== 0 && shorter > 0) met[shorter] = length[shorter] as number;
  }
  return ends.map((end) => {
    let state = end;
    while (state > 0 && met[state] === 0) state = link[state] as number;
    return met[state] as number;
  });
}

/** Slots for three letters in a row; what shares one by chance is walked in vain. */
const SLOTS = 0x4000;

const tripleAt = (text: string, at: number, classes: Uint16Array): number =>
  ((classes[text.charCodeAt(at)] as number) * 961 +
    (classes[text.charCodeAt(at + 1)] as number) * 31 +
    (classes[text.charCodeAt(at + 2)] as number)) &
  (SLOTS - 1);

function triplesOf(text: string, classes: Uint16Array): Uint8Array {
  const slots = new Uint8Array(SLOTS);
  for (let at = 0; at + STEP <= text.length; at++) slots[tripleAt(text, at, classes)] = 1;
  return slots;
}

/** A number for each of the text's letters, from 1; 0 for all others. */
function classesOf(text: string): { classes: Uint16Array; width: number } {
  const classes = new Uint16Array(0x10000);
  let width = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (classes[code] === 0) classes[code] = width++;
  }
  return { classes, width };
}

interface Automaton {
  /** By state and letter; 0 for none, since nothing leads to the start. */
  next: Uint16Array;
  /** The state of the longest suffix that stands elsewhere, too. */
  link: Int16Array;
  length: Uint16Array;
  /** The state of the whole text up to each place. */
  ends: Uint16Array;
}

/** Blumer's: every piece of the text leads from the start to one state, and there are at most two states for each of its letters. */
function automatonOf(text: string, classes: Uint16Array, width: number): Automaton {
  const most = Math.max(1, 2 * text.length);
  const next = new Uint16Array(most * width);
  const link = new Int16Array(most).fill(-1);
  const length = new Uint16Array(most);
  const ends = new Uint16Array(text.length);
  let size = 1;
  let last = 0;
  for (let at = 0; at < text.length; at++) {
    const letter = classes[text.charCodeAt(at)] as number;
    const state = size++;
    length[state] = at + 1;
    let from = last;
    for (; from !== -1 && next[from * width + letter] === 0; from = link[from] as number) next[from * width + letter] = state;
    const known = from === -1 ? 0 : (next[from * width + letter] as number);
    if (from === -1 || (length[from] as number) + 1 === length[known]) {
      link[state] = known;
    } else {
      const shorter = size++;
      length[shorter] = (length[from] as number) + 1;
      next.copyWithin(shorter * width, known * width, (known + 1) * width);
      link[shorter] = link[known] as number;
      for (; from !== -1 && next[from * width + letter] === known; from = link[from] as number) next[from * width + letter] = shorter;
      link[known] = shorter;
      link[state] = shorter;
    }
    last = state;
    ends[at] = state;
  }
  return { next, link, length, ends };
}

const longestFirst = (length: Uint16Array): number[] =>
  Array.from(length.keys()).sort((a, b) => (length[b] as number) - (length[a] as number));
