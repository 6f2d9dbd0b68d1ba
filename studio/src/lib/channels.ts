// Images that are neither grey nor in colour.
import { numVisible, type MapModel } from "./api";
import { strings } from "./preferences.svelte";

/** How pictures show images of two, or more than three, channels; empty for grey and colour images. */
export function channelNote(model: MapModel): string {
  const [channels] = model.image_shape;
  if (channels === 1 || channels === 3) return "";
  return numVisible(channels) === 3 ? strings().falseColour(channels) : strings().firstChannel(channels);
}
