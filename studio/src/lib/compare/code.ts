// Python that reproduces what Compare shows: the images of each model, by its folder.
import { pythonFloat } from "../address.svelte";
import type { Model } from "../api";
import { compareState, seedOf, type Comparison } from "./comparison.svelte";

const folderOf = (model: Model): string => JSON.stringify(model.folder);

function labelOf(model: Model): string {
  if (!model.decodes_label) return "None";
  return JSON.stringify(model.classes[Math.min(compareState.label, model.classes.length - 1)]);
}

/** Decode the position on the lattice of seeds, for models that don't encode the image. */
function fromSeeds(models: Model[]): string[] {
  if (!models.length) return [];
  return [
    "for folder, model, data, label in [",
    ...models.map((model) => `    (${folderOf(model)}, ${model.model_code}, ${model.data_code}, ${labelOf(model)}),`),
    "]:",
    `    images[folder] = la.LatentMap(model, data).decode_at(${pythonFloat(compareState.x)}, ${pythonFloat(compareState.y)}, label, seeds=True)`,
  ];
}

/** Save the images of each model. */
const SAVE = ["for number, pictures in enumerate(images.values()):", '    la.save_images(pictures, f"model-{number}.png")'];

/** The images at the cursor. */
export function cursorCode(here: Comparison): string {
  const encoders = here.byImage ? here.models.filter((model) => here.sharesImages(model)) : [];
  const others = here.models.filter((model) => !encoders.includes(model));
  if (!encoders.length) return ["import latentarium as la", "", "images = {}", ...fromSeeds(others), ...SAVE].join("\n");
  return [
    "import latentarium as la",
    "",
    "images = {}",
    `data = ${encoders[0].data_code}`,
    "for folder, model in [",
    ...encoders.map((model) => `    (${folderOf(model)}, ${model.model_code}),`),
    "]:",
    "    latent_map = la.LatentMap(model, data)",
    `    images[folder] = latent_map.reconstruct(latent_map.image(${here.image})[None])`,
    ...fromSeeds(others),
    ...SAVE,
  ].join("\n");
}

/** The samples from N(0, I). */
export function samplesCode(models: Model[]): string {
  const sample = (model: Model): string => {
    const inTurn = Array.from({ length: 16 }, (_, i) => model.classes[i % model.classes.length]);
    const labels = model.takes_label ? `label=${JSON.stringify(inTurn)}, ` : "";
    return `images[${folderOf(model)}] = ${model.model_code}.sample(16, ${labels}seed=${seedOf()})`;
  };
  return ["import latentarium as la", "", "images = {}", ...models.map(sample), ...SAVE].join("\n");
}
