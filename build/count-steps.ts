/**
 * Makes the Lua interpreter of wasmoon count what it does, so that a budget of steps ends an expression and no clock has to.
 *
 * Each turn of a loop and each call of a function that is not tiny takes steps off a global, by the number of instructions that lie on its
 * way. When none are left, `lua_sethook` is called as Lua's own program does when it is interrupted: the next Lua instruction fails.
 * Memory is counted in the same way, by an allocator that refuses to grow past a limit.
 */
import {
  BULK_COPY,
  BULK_FILL,
  binaryOf,
  I32,
  instruction,
  NOTHING,
  OP,
  Reader,
  SECTION,
  type Section,
  sectionsOf,
  signed,
  unsigned,
  vector,
} from "./wasm-binary.ts";

/** So many instructions of WebAssembly are one step. */
const INSTRUCTIONS_PER_STEP = 16;
/** Bodies that are one large switch would count for all of their branches. */
const MAX_LOOP_STEPS = 2;
const MAX_CALL_STEPS = 24;
/** So many bytes copied at once, as a power of two, are one step. */
const COPY_SHIFT = 5;
const LUA_MASK_COUNT = 8;
const MUTABLE = 1;
const EXPORTED_GLOBAL = 3;
const EXPORTED_FUNCTION = 0;

const at = (index: number): number[] => unsigned(index);
const text = (value: string): number[] => [...unsigned(value.length), ...new TextEncoder().encode(value)];
const localGet = (index: number): number[] => [OP.LOCAL_GET, ...at(index)];
const globalGet = (index: number): number[] => [OP.GLOBAL_GET, ...at(index)];
const globalSet = (index: number): number[] => [OP.GLOBAL_SET, ...at(index)];
const constant = (value: number): number[] => [OP.I32_CONST, ...signed(value)];
const call = (index: number): number[] => [OP.CALL, ...at(index)];
const when = (...body: number[][]): number[] => [OP.IF, NOTHING, ...body.flat(), OP.END];

interface Layout {
  readonly exported: ReadonlyMap<string, number>;
  readonly functions: number;
  readonly globals: number;
  readonly types: number;
  readonly tableSize: number;
}

function contentOf(sections: readonly Section[], id: number): Reader {
  const found = sections.find((section) => section.id === id);
  if (found === undefined) throw new Error(`the module has no section ${id}`);
  return new Reader(found.content);
}

function importedFunctions(reader: Reader): number {
  const count = reader.number();
  for (let left = count; left > 0; left -= 1) {
    const path = `${reader.name()}.${reader.name()}`;
    if (reader.byte() !== EXPORTED_FUNCTION) throw new Error(`the import ${path} is no function`);
    reader.number();
  }
  return count;
}

function layoutOf(sections: readonly Section[]): Layout {
  const exports = contentOf(sections, SECTION.EXPORT);
  const exported = new Map<string, number>();
  for (let left = exports.number(); left > 0; left -= 1) {
    const name = exports.name();
    exports.byte();
    exported.set(name, exports.number());
  }
  const table = contentOf(sections, SECTION.TABLE);
  table.take(3);
  return {
    exported,
    functions: importedFunctions(contentOf(sections, SECTION.IMPORT)) + contentOf(sections, SECTION.FUNCTION).number(),
    globals: contentOf(sections, SECTION.GLOBAL).number(),
    types: contentOf(sections, SECTION.TYPE).number(),
    tableSize: table.number(),
  };
}

/** The indices of what is added; the globals and functions of the module keep theirs. */
function additions({ functions, globals, types, tableSize }: Layout) {
  return {
    steps: globals,
    isSpent: globals + 1,
    memoryUsed: globals + 2,
    memoryLimit: globals + 3,
    state: globals + 4,
    nothing: types,
    three: types + 1,
    fourToOne: types + 2,
    two: types + 3,
    toOne: types + 4,
    spend: functions,
    copy: functions + 1,
    fill: functions + 2,
    allocate: functions + 3,
    stop: functions + 4,
    newState: functions + 5,
    allocateSlot: tableSize,
    stopSlot: tableSize + 1,
  };
}
type Additions = ReturnType<typeof additions>;

const takeSteps = ({ steps, spend }: Additions, count: readonly number[]): number[] => [
  ...globalGet(steps),
  ...count,
  OP.I32_SUB,
  ...globalSet(steps),
  ...globalGet(steps),
  ...constant(0),
  OP.I32_LT_S,
  ...when(call(spend)),
];

/** The bodies of the functions that are added, in the order of their indices. */
function addedBodies(added: Additions, exported: ReadonlyMap<string, number>): number[][] {
  const of = (name: string): number => {
    const index = exported.get(name);
    if (index === undefined) throw new Error(`the module does not export ${name}`);
    return index;
  };
  const { steps, isSpent, memoryUsed, memoryLimit, state, allocateSlot, stopSlot } = added;
  const body = (locals: number, ...code: number[][]): number[] => {
    const bytes = [...(locals === 0 ? [0] : [1, locals, I32]), ...code.flat(), OP.END];
    return [...unsigned(bytes.length), ...bytes];
  };
  const bulk = (...operation: number[]): number[] => [...localGet(0), ...localGet(1), ...localGet(2), OP.BULK, ...operation];
  const stepsOfBytes = [...localGet(2), ...constant(COPY_SHIFT), OP.I32_SHR_U];
  const [pointer, oldSize, newSize, growth, moved] = [1, 2, 3, 4, 5].map((index) => localGet(index)) as [
    number[],
    number[],
    number[],
    number[],
    number[],
  ];
  const add = (amount: number[]): number[] => [...globalGet(memoryUsed), ...amount, OP.I32_ADD];
  return [
    body(
      0,
      [...constant(0x7fffffff), ...globalSet(steps), ...constant(1), ...globalSet(isSpent)],
      [...globalGet(state), ...constant(stopSlot), ...constant(LUA_MASK_COUNT), ...constant(1), ...call(of("lua_sethook"))],
    ),
    body(0, takeSteps(added, stepsOfBytes), bulk(BULK_COPY, 0, 0)),
    body(0, takeSteps(added, stepsOfBytes), bulk(BULK_FILL, 0)),
    body(
      2,
      // Freed: Lua gives the size that it had. A new block has a kind in the place of its old size.
      [...newSize, OP.I32_EQZ],
      when(
        [...globalGet(memoryUsed), ...oldSize, ...constant(0), ...pointer, OP.SELECT, OP.I32_SUB, ...globalSet(memoryUsed)],
        [...pointer, ...call(of("free")), ...constant(0), OP.RETURN],
      ),
      [...newSize, ...oldSize, ...constant(0), ...pointer, OP.SELECT, OP.I32_SUB, OP.LOCAL_SET, 4],
      [...constant(0), ...growth, OP.I32_LT_S],
      when([...add(growth), ...globalGet(memoryLimit), OP.I32_GT_U], when([...constant(0), OP.RETURN])),
      [...pointer, ...newSize, ...call(of("realloc")), OP.LOCAL_TEE, 5],
      when(add(growth), globalSet(memoryUsed)),
      moved,
    ),
    body(0, localGet(0), call(of("lua_pushnil")), localGet(0), call(of("lua_error")), [OP.DROP]),
    body(0, constant(allocateSlot), constant(0), call(of("lua_newstate")), globalSet(state), globalGet(state)),
  ];
}

/** A body's instructions, and how many lie directly in the function or in the loop that begins at each place. */
function weighed(content: Uint8Array, from: number) {
  const reader = new Reader(content, from);
  const found = [];
  const weights = new Map<number, number>([[from, 0]]);
  const open: { isLoop: boolean; start: number }[] = [];
  const loops = [from];
  while (!reader.isAtEnd) {
    const next = instruction(reader);
    found.push(next);
    const around = loops.at(-1) as number;
    weights.set(around, (weights.get(around) as number) + 1);
    if (next.opcode === OP.LOOP) {
      weights.set(next.start, 0);
      loops.push(next.start);
    }
    if (next.opcode === OP.LOOP || next.opcode === OP.IF || next.opcode === 0x02)
      open.push({ isLoop: next.opcode === OP.LOOP, start: next.start });
    else if (next.opcode === OP.END && open.pop()?.isLoop === true) loops.pop();
  }
  return { found, weights };
}

function countedBody(content: Uint8Array, added: Additions): Uint8Array {
  const reader = new Reader(content);
  for (let left = reader.number(); left > 0; left -= 1) {
    reader.number();
    reader.byte();
  }
  const from = reader.at;
  const { found, weights } = weighed(content, from);
  const parts: Uint8Array[] = [content.subarray(0, from)];
  const ofCall = Math.min(MAX_CALL_STEPS, Math.floor((weights.get(from) as number) / INSTRUCTIONS_PER_STEP));
  if (ofCall > 0) parts.push(Uint8Array.from(takeSteps(added, constant(ofCall))));
  for (const { opcode, detail, start, end } of found) {
    if (opcode === OP.BULK && detail === BULK_COPY) parts.push(Uint8Array.from(call(added.copy)));
    else if (opcode === OP.BULK && detail === BULK_FILL) parts.push(Uint8Array.from(call(added.fill)));
    else parts.push(content.subarray(start, end));
    if (opcode !== OP.LOOP) continue;
    const ofTurn = Math.min(MAX_LOOP_STEPS, Math.ceil((weights.get(start) as number) / INSTRUCTIONS_PER_STEP));
    parts.push(Uint8Array.from(takeSteps(added, constant(ofTurn))));
  }
  return new Uint8Array(Buffer.concat(parts));
}

function countedCode(reader: Reader, added: Additions, bodies: readonly number[][]): Uint8Array {
  const count = reader.number();
  const parts: Uint8Array[] = [Uint8Array.from(unsigned(count + bodies.length))];
  for (let left = count; left > 0; left -= 1) {
    const body = countedBody(reader.take(reader.number()), added);
    parts.push(Uint8Array.from(unsigned(body.length)), body);
  }
  return new Uint8Array(Buffer.concat([...parts, ...bodies.map((body) => Uint8Array.from(body))]));
}

/** A vector with items at its end. */
function extended(reader: Reader, items: readonly (readonly number[])[]): Uint8Array {
  const count = reader.number() + items.length;
  return Uint8Array.from([...unsigned(count), ...reader.take(reader.bytes.length - reader.at), ...items.flat()]);
}

/** The one segment of the table, from 1 to its end, with the functions that Lua calls by their slot. */
function extendedElements(reader: Reader, indices: readonly number[]): Uint8Array {
  const head = reader.take(5);
  if (head.join() !== [1, 0, OP.I32_CONST, 1, OP.END].join()) throw new Error("the module fills its table otherwise than wasmoon 1.16.0");
  return Uint8Array.from([...head, ...extended(reader, indices.map(at))]);
}

/** The module of wasmoon 1.16.0, counting. @throws Error for a module that is built otherwise */
export function countSteps(binary: Uint8Array): Uint8Array {
  const sections = sectionsOf(binary);
  const layout = layoutOf(sections);
  const added = additions(layout);
  const type = (takes: number, gives: number): number[] => [
    0x60,
    ...vector(Array.from({ length: takes }, () => [I32])),
    ...vector(Array.from({ length: gives }, () => [I32])),
  ];
  const { nothing, three, fourToOne, two, toOne } = added;
  const globals = Array.from({ length: 5 }, () => [I32, MUTABLE, ...constant(0), OP.END]);
  const named = (name: string, kind: number, index: number): number[] => [...text(name), kind, ...at(index)];
  const changed = new Map<number, (reader: Reader) => Uint8Array>([
    [SECTION.TYPE, (reader) => extended(reader, [type(0, 0), type(3, 0), type(4, 1), type(2, 0), type(0, 1)])],
    [SECTION.FUNCTION, (reader) => extended(reader, [nothing, three, three, fourToOne, two, toOne].map(at))],
    [SECTION.TABLE, () => Uint8Array.from([1, 0x70, 1, ...at(layout.tableSize + 2), ...at(layout.tableSize + 2)])],
    [SECTION.GLOBAL, (reader) => extended(reader, globals)],
    [
      SECTION.EXPORT,
      (reader) =>
        extended(reader, [
          ...(["steps", "isSpent", "memoryUsed", "memoryLimit"] as const).map((name) => named(name, EXPORTED_GLOBAL, added[name])),
          named("newState", EXPORTED_FUNCTION, added.newState),
        ]),
    ],
    [SECTION.ELEMENT, (reader) => extendedElements(reader, [added.allocate, added.stop])],
    [SECTION.CODE, (reader) => countedCode(reader, added, addedBodies(added, layout.exported))],
  ]);
  return binaryOf(
    sections.map(({ id, content }) => {
      const change = changed.get(id);
      return { id, content: change === undefined ? content : change(new Reader(content)) };
    }),
  );
}
