// Python that makes again what Compare shows: one image, or some, for each model, by its folder.
import { pythonFloat } from "../address.svelte";
import type { Model } from "../api";
import { seedOf, shown, type Comparison } from "./comparison.svelte";

const HEAD = ["import latentarium as la", "from latentarium.studio.maps.atlas import Atlas"];
const named = (model: Model): string => JSON.stringify(model.folder);

function asked(model: Model): string {
  if (!model.decodes_label) return "None";
  return JSON.stringify(model.classes[Math.min(shown.label, model.classes.length - 1)]);
}

/** Of models that are not given the image: a place on the lattice of seeds. */
function fromSeeds(models: Model[]): string[] {
  if (!models.length) return [];
  return [
    "for folder, model, data, label in [",
    ...models.map((model) => `    (${named(model)}, ${model.model_code}, ${model.data_code}, ${asked(model)}),`),
    "]:",
    `    images[folder] = Atlas(model, data).decode_at(${pythonFloat(shown.x)}, ${pythonFloat(shown.y)}, label, seeds=True)`,
  ];
}

/** What is under the cursor. */
export function cursorCode(here: Comparison): string {
  const encoders = here.byImage ? here.models.filter((model) => here.sharesImages(model)) : [];
  const others = here.models.filter((model) => !encoders.includes(model));
  if (!encoders.length) return [...HEAD, "", "images = {}", ...fromSeeds(others)].join("\n");
  return [
    ...HEAD, "from latentarium.data.dataset import to_float", "",
    "images = {}",
    `data = ${encoders[0].data_code}`,
    "for folder, model in [",
    ...encoders.map((model) => `    (${named(model)}, ${model.model_code}),`),
    "]:",
    `    real = to_float(Atlas(model, data).image(${here.image})[None])`,
    "    images[folder] = model.reconstruct(real)",
    ...fromSeeds(others),
  ].join("\n");
}

/** The draws from N(0, I). */
export function drawsCode(models: Model[]): string {
  const each = (model: Model): string => {
    const turns = model.takes_label ? `label=[i % ${model.classes.length} for i in range(16)], ` : "";
    return `images[${named(model)}] = ${model.model_code}.sample(16, ${turns}seed=${seedOf()})`;
  };
  return ["import latentarium as la", "", "images = {}", ...models.map(each)].join("\n");
}
