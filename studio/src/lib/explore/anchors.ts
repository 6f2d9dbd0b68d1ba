// Descriptions of planes through three anchors: images, or means of classes.
import type { Model } from "../api";
import { strings } from "../preferences.svelte";

/** The description of an anchor, as in "image #3". */
export function anchorName(anchor: string, model: Model): string {
  const number = Number(anchor.slice(1));
  const t = strings().planes;
  return anchor.startsWith("c") ? t.meanOf(model.classes[number]) : t.image(number);
}

/** The caption of a plane. */
export function planeCaption(name: string, share: string, model: Model): string {
  const t = strings().planes;
  return t.caption(name.split("_").map((anchor) => anchorName(anchor, model)).join(t.and), share);
}
