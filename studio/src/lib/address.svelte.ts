// All that the page shows is in its address: what is sent to somebody else opens as it was.
// Each part of the page has a slice of it.

type Value = string | number | boolean;
type Values = Record<string, Value>;

const slices: { prefix: string; usual: Values; values: Values }[] = [];

/** A part of the address as reactive values; what is there and makes no sense is as usual.
 *
 * @param prefix of its keys: no two slices may have a key in common
 * @param usual values that the address need not name */
export function slice<T extends Values>(prefix: string, usual: T): T {
  const taken = slices.flatMap((one) => Object.keys(one.usual).map((key) => one.prefix + key));
  const twice = Object.keys(usual).find((key) => taken.includes(prefix + key));
  if (twice) throw new Error(`Two parts of the page call something ${prefix}${twice} in the address.`);
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(usual)) {
    if (slices.some((other) => key in other.usual && other.prefix === prefix)) throw new Error(`${prefix}${key} stands for two things`);
  }
  const read = Object.entries(usual).map(([key, value]): [string, Value] => [key, parse(given.get(prefix + key), value)]);
  const values = $state(Object.fromEntries(read) as T);
  slices.push({ prefix, usual, values });
  return values;
}

function parse(text: string | null, usual: Value): Value {
  if (text === null) return usual;
  if (typeof usual === "boolean") return text === "1";
  if (typeof usual === "string") return text;
  return Number.isFinite(Number(text)) && text.trim() !== "" ? Number(text) : usual;
}

/** The shortest decimal of a number that is the same float32: what is sent and shown is one of these. */
export function exact(value: number): string {
  const wanted = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(wanted.toPrecision(digits));
    if (Math.fround(text) === wanted) return String(text);
  }
  return String(Number(wanted.toPrecision(9)));
}

/** The same as Python writes it. */
export function pythonFloat(value: number): string {
  const text = exact(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function write(value: Value): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "string") return value;
  return Number.isInteger(value) ? String(value) : exact(value);
}

/** Milliseconds between two writes: Safari allows a hundred in 30 s. */
const APART = 310;
let due = 0;
let last = -APART;

/** Writes the state into the address: at once, so that who leaves then finds it again, or as soon
 * after the last time as browsers allow. */
export function toAddress(): void {
  if (due) return;
  due = window.setTimeout(writeNow, Math.max(0, last + APART - performance.now()));
}

function writeNow(): void {
  due = 0;
  last = performance.now();
  const words = new URLSearchParams();
  for (const { prefix, usual, values } of slices)
    for (const [key, value] of Object.entries(values)) if (value !== usual[key]) words.set(prefix + key, write(value));
  history.replaceState(null, "", `#${words}`);
}

// an address that a person changed by hand is opened anew, and not written over
addEventListener("hashchange", () => {
  clearTimeout(due);
  location.reload();
});

/** What all parts share; `of` is the folder of the model, whose number may be another's tomorrow. */
export const shared = slice("", { tab: "explore", model: 0, of: "" });
