/** Reads and writes the parts of a WebAssembly binary: numbers, sections, vectors, and the lengths of instructions. */

export const SECTION = { TYPE: 1, IMPORT: 2, FUNCTION: 3, TABLE: 4, GLOBAL: 6, EXPORT: 7, ELEMENT: 9, CODE: 10 } as const;
export const OP = {
  LOOP: 0x03,
  IF: 0x04,
  ELSE: 0x05,
  END: 0x0b,
  RETURN: 0x0f,
  CALL: 0x10,
  DROP: 0x1a,
  SELECT: 0x1b,
  LOCAL_GET: 0x20,
  LOCAL_SET: 0x21,
  LOCAL_TEE: 0x22,
  GLOBAL_GET: 0x23,
  GLOBAL_SET: 0x24,
  I32_CONST: 0x41,
  I32_EQZ: 0x45,
  I32_LT_S: 0x48,
  I32_GT_U: 0x4b,
  I32_ADD: 0x6a,
  I32_SUB: 0x6b,
  I32_SHR_U: 0x76,
  BULK: 0xfc,
} as const;
export const BULK_COPY = 10;
export const BULK_FILL = 11;
export const I32 = 0x7f;
export const NOTHING = 0x40;

const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const BLOCKS = new Set<number>([0x02, OP.LOOP, OP.IF]);
const ONE_NUMBER = new Set<number>([0x0c, 0x0d, OP.CALL, 0x20, 0x21, 0x22, 0x23, 0x24, 0x3f, 0x40, 0x41, 0x42]);

export function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

export function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

export class Reader {
  readonly bytes: Uint8Array;
  at: number;
  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw new RangeError("the binary ends too early");
    this.at += 1;
    return value;
  }

  /** An unsigned number of at most 32 bits. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** A number of any size and sign. */
  skipNumber(): void {
    while (this.byte() >= 0x80);
  }

  take(length: number): Uint8Array {
    const taken = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return taken;
  }

  name(): string {
    return new TextDecoder().decode(this.take(this.number()));
  }
}

export interface Section {
  readonly id: number;
  readonly content: Uint8Array;
}

export function sectionsOf(binary: Uint8Array): Section[] {
  const reader = new Reader(binary);
  if (MAGIC.some((byte) => reader.byte() !== byte)) throw new Error("this is no WebAssembly module of version 1");
  const sections: Section[] = [];
  while (!reader.isAtEnd) sections.push({ id: reader.byte(), content: reader.take(reader.number()) });
  return sections;
}

export function binaryOf(sections: readonly Section[]): Uint8Array {
  const parts = sections.map(({ id, content }) => Buffer.concat([Buffer.from([id, ...unsigned(content.length)]), content]));
  return new Uint8Array(Buffer.concat([Buffer.from(MAGIC), ...parts]));
}

export interface Instruction {
  readonly opcode: number;
  /** Of the instructions that begin with `OP.BULK`. */
  readonly detail: number;
  readonly start: number;
  readonly end: number;
}

/** The next instruction; an opcode that the module of wasmoon does not use is an error, never a guess. */
export function instruction(reader: Reader): Instruction {
  const start = reader.at;
  const opcode = reader.byte();
  let detail = 0;
  if (BLOCKS.has(opcode) || ONE_NUMBER.has(opcode)) reader.skipNumber();
  else if (opcode === 0x0e) for (let left = reader.number(); left >= 0; left -= 1) reader.number();
  else if (opcode === 0x11 || (opcode >= 0x28 && opcode <= 0x3e)) {
    reader.number();
    reader.number();
  } else if (opcode === 0x43) reader.take(4);
  else if (opcode === 0x44) reader.take(8);
  else if (opcode === OP.BULK) {
    detail = reader.number();
    if (detail === BULK_COPY) reader.take(2);
    else if (detail === BULK_FILL) reader.take(1);
    else if (detail > 7) throw new Error(`unknown bulk instruction ${detail}`);
  } else if (![0x00, 0x01, OP.ELSE, OP.END, OP.RETURN, OP.DROP, OP.SELECT].includes(opcode) && (opcode < 0x45 || opcode > 0xc4)) {
    throw new Error(`unknown instruction 0x${opcode.toString(16)} at ${start}`);
  }
  return { opcode, detail, start, end: reader.at };
}
