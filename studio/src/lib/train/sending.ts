// Pictures of the visitor's own on their way to the server: one request for each file, a few at once.
import { get } from "../api";
import { words } from "../face.svelte";
import type { Upload } from "./runs";

export interface Picked {
  /** with its folders, as it shall be called there */
  path: string;
  file: File;
}

const PICTURES = /\.(png|jpe?g|bmp|gif|webp|tiff?|ppm|pgm|pbm|zip)$/i;
const AT_ONCE = 4;
/** Files that the server takes one by one; a zip may hold more. */
const MOST = 20_000;

/** What there is to send of all files: pictures, or a zip; hidden ones are left out. */
export function sendable(all: Picked[]): Picked[] {
  return all.filter(({ path }) => PICTURES.test(path) && !path.split("/").some((part) => part.startsWith(".")));
}

/** All files of what was dropped, folders with all that is in them. */
export async function dropped(items: DataTransferItemList): Promise<Picked[]> {
  const found: Promise<Picked[]>[] = [];
  for (const item of items) { // they are there for this turn only
    const entry = item.webkitGetAsEntry();
    const file = entry ? null : item.getAsFile();
    if (entry) found.push(walk(entry));
    if (file) found.push(Promise.resolve([{ path: file.name, file }]));
  }
  return (await Promise.all(found)).flat();
}

async function walk(entry: FileSystemEntry): Promise<Picked[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Picked[] = [];
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(walk))).flat());
  }
}

/** All files of a chosen folder, or a chosen zip. */
export const picked = (files: FileList): Picked[] =>
  [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** What an upload can be called, after its folder or zip. */
export function nameFor(files: Picked[], taken: string[]): string {
  const stem = files[0].path.split("/")[0].replace(/\.[A-Za-z]+$/, "").replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+|-+$/g, "");
  const name = (files.length > 1 && !files[0].path.includes("/") ? "" : stem).slice(0, 56) || "pictures";
  let free = name;
  for (let i = 2; taken.includes(free); i++) free = `${name}-${i}`;
  return free;
}

/** Sends them, and says what they are; null where that was not to be found out.
 *
 * @param look has them looked at, by an address
 * @param onprogress is told how many bytes have gone
 * @param signal ends it; then nothing is left on the server */
export async function send(
  name: string, files: Picked[], look: (path: string) => Promise<Upload | null>, onprogress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Upload | null> {
  if (files.length > MOST) throw new Error(words().train.tooMany(files.length, MOST));
  await get(`/api/uploads/${name}`, { method: "POST" });
  const gone = new Map<Picked, number>();
  let all = 0;
  const waiting = [...files];
  const work = async (): Promise<void> => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const file = one;
      await put(`/api/uploads/${name}/${file.path.split("/").map(encodeURIComponent).join("/")}`, file.file, (bytes) => {
        all += bytes - (gone.get(file) ?? 0);
        gone.set(file, bytes);
        onprogress(all);
      }, signal);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return await look(`/api/uploads/${name}/end`);
  } catch (error) {
    waiting.length = 0;
    await fetch(`/api/uploads/${name}/part`, { method: "DELETE" });
    throw error;
  }
}

/** One file. fetch can't say how much of it has gone. */
function put(address: string, file: File, onprogress: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => onprogress(event.loaded);
    request.onload = () => (request.status === 200 ? done() : fail(new Error(request.responseText)));
    request.onerror = () => fail(new Error(words().train.broken));
    request.onabort = () => fail(new DOMException("", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.open("PUT", address);
    request.send(file);
  });
}
