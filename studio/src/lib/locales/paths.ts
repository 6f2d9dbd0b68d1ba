// Text of Explore's Path tool.

/** "step 16", or "steps 5–9, 12". */
const stepsText = (steps: string): string => `${/^\d+$/.test(steps) ? "step" : "steps"} ${steps}`;

export const en = {
  hint: "Drag A and B on the map. With the map focused, the keys a and b move them to the cursor.",
  hintLattice: "Drag A and B on the lattice. With the lattice focused, the keys a and b move them to the cursor.",
  here: (end: string) => `${end} here`,
  nearest: (end: string) => `${end}: nearest image`,
  ends: { a: "Start of the paths", b: "End of the paths" },
  image: (number: number) => `image #${number}`,
  steps: "Steps",
  names: { linear: "Linear", spherical: "Spherical", data: "Through the data" } as Record<string, string>,
  frame: (i: number, n: number) => `Step ${i} of ${n}`,
  unusual: (steps: string) => `unusual at ${stepsText(steps)}`,
  typical: "typical of the data throughout",
  unrealistic: (steps: string) => `unrealistic at ${stepsText(steps)}`,
  realistic: "realistic throughout",
  profile: "Along the path: share of held-out images that are at least as unusual",
  play: "Play",
  pause: "Pause",
  gif: "GIF",
  gifTitle: (name: string) => `Save the ${name} path as a GIF that plays forwards and backwards`,
  graph: (n: string, all: string) => `Through the data: the shortest path on a graph of ${n} of ${all} latents, each joined to its 10 nearest neighbours (more where needed to connect the graph).`,
  noEncoder: "This model has no encoder, so there is no path through the data. Steps are scored by how realistic their images are.",
  sphericalHint: "Samples of a high-dimensional N(0, I) all have about the same norm. Spherical interpolation keeps this norm; linear interpolation passes near the centre, where there are almost no samples.",
  loading: "Computing the paths …",
};

export const zhTW: typeof en = {
  hint: "在地圖上拖曳 A 與 B。地圖取得焦點時，按 a、b 鍵可把端點移到游標處。",
  hintLattice: "在格點圖上拖曳 A 與 B。格點圖取得焦點時，按 a、b 鍵可把端點移到游標處。",
  here: (end) => `${end} 移到此處`,
  nearest: (end) => `${end}：最近的影像`,
  ends: { a: "路徑起點", b: "路徑終點" },
  image: (number) => `影像 #${number}`,
  steps: "步數",
  names: { linear: "線性內插", spherical: "球面內插", data: "沿著資料" },
  frame: (i, n) => `第 ${i} 步，共 ${n} 步`,
  unusual: (steps) => `第 ${steps.replaceAll(", ", "、")} 步偏離資料分布`,
  typical: "全程符合資料分布",
  unrealistic: (steps) => `第 ${steps} 步不像真實影像`,
  realistic: "全程像真實影像",
  profile: "沿著路徑：同樣異常或更異常的保留影像所占的比例",
  play: "播放",
  pause: "暫停",
  gif: "GIF",
  gifTitle: (name) => `把「${name}」路徑存成來回播放的 GIF`,
  graph: (n, all) => `沿著資料：圖上的最短路徑，使用 ${all} 個潛在向量中的 ${n} 個，每個潛在向量連到最近的 10 個（必要時連到更多，使圖連通）。`,
  noEncoder: "這個模型沒有編碼器，因此沒有沿著資料的路徑；每一步依影像的逼真程度計分。",
  sphericalHint: "高維 N(0, I) 的樣本範數都差不多。球面內插會保持範數；線性內插則會經過中心附近，而那裡幾乎沒有樣本。",
  loading: "正在計算路徑……",
};
