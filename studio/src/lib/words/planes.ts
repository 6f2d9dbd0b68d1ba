// Words of Explore's planes.
export const en = {
  pca: "Plane of most variance (PCA)",
  own: "Through three anchors",
  choices: "What the map is",
  meaning: "The map is a flat cut through the latent space. Choose the three latents that it goes through.",
  anchor: (n: number) => `Anchor ${n}`,
  nearest: "Nearest image to the cursor",
  meanOf: (name: string) => `mean of ${name}`,
  image: (number: number) => `image #${number}`,
  caption: (names: string, share: string) => `Plane through ${names}: ${share} of the variance`,
  and: ", ",
  holds: (share: string) => `It holds ${share} of the data's variance.`,
  off: (off: string, spread: string) =>
    `Half of the images lie farther off it than ${off}, in units of z; half lie farther from their mean than ${spread}.`,
};

export const zhTW: typeof en = {
  pca: "變異最大的平面（PCA）",
  own: "通過三個錨點",
  choices: "地圖是什麼",
  meaning: "地圖是潛在空間的一個切面。請選擇它要通過的三個潛在向量。",
  anchor: (n) => `錨點 ${n}`,
  nearest: "最靠近游標的影像",
  meanOf: (name) => `${name} 的平均`,
  image: (number) => `影像 #${number}`,
  caption: (names, share) => `通過${names}的平面：佔變異的 ${share}`,
  and: "、",
  holds: (share) => `它涵蓋資料變異的 ${share}。`,
  off: (off, spread) => `半數影像離平面超過 ${off}（以 z 為單位），離平均值則超過 ${spread}。`,
};
