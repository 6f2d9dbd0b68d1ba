// Text of Explore's Plane tool.
export const en = {
  pca: "Plane of largest variance (PCA)",
  own: "Through three anchors",
  choices: "Plane of the map",
  meaning: "The map is a plane through the [[latent:latent space]]. Choose three latents that it passes through.",
  anchor: (n: number) => `Anchor ${n}`,
  nearest: "Nearest image to the cursor",
  meanOf: (name: string) => `mean of ${name}`,
  image: (number: number) => `image #${number}`,
  caption: (names: string, share: string) => `Plane through ${names}: ${share} of the variance`,
  and: ", ",
  variance: (share: string) => `The plane captures ${share} of the variance of the data.`,
  distances: (off: string, spread: string) =>
    `Median distance of the images in the latent space: ${off} from the plane, ${spread} from their mean.`,
};

export const zhTW: typeof en = {
  pca: "變異最大的平面（PCA）",
  own: "通過三個錨點",
  choices: "地圖的平面",
  meaning: "地圖是通過[[latent:潛在空間]]的一個平面。請選擇平面要通過的三個潛在向量。",
  anchor: (n) => `錨點 ${n}`,
  nearest: "最靠近游標的影像",
  meanOf: (name) => `${name} 的平均`,
  image: (number) => `影像 #${number}`,
  caption: (names, share) => `通過${names}的平面：涵蓋變異的 ${share}`,
  and: "、",
  variance: (share) => `這個平面涵蓋資料變異的 ${share}。`,
  distances: (off, spread) => `影像到平面距離的中位數（潛在空間）：${off}；到平均點距離的中位數：${spread}。`,
};
