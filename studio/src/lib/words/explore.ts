// Words of Explore.
export const en = {
  dragHint: "Drag on the map: the image follows. Wheel: zoom. Shift + drag: move the map. Arrows: nudge.",
  plane2: "The latent space itself, two dimensions",
  planePca: (share: string) => `PCA plane: ${share} of the variance`,
  lattice: "No encoder, so no map of images: a lattice of seeds. Each crossing is a draw from the prior.",
  points: (n: string, data: string) => `${n} encoded images of ${data}`,
  ellipses: "Each class's Gaussian (1 and 2 σ)",
  reset: "Whole map",
  drawn: "Random place",
  gapLayer: "Gaps",
  gapNames: {
    none: "not shown",
    distance: "far from the data",
    round_trip: "not recognized (round trip)",
    stretch: "decoder stretches",
    doubt: "judge in doubt",
  } as Record<string, string>,
  layering: "computing …",
  gapMeaning: "Red: more so than 99 % of held-out images; amber: than 90 %.",
  tools: {
    look: "Look", gaussians: "Gaussians", draw: "Draw", find: "Find", path: "Path", plane: "Plane",
  } as Record<string, string>,
  toolList: "Tools",
};

export const zhTW: typeof en = {
  dragHint: "在圖上拖曳：影像會跟著走。滾輪縮放，Shift + 拖曳移動地圖，方向鍵微調。",
  plane2: "潛在空間本身，共兩維",
  planePca: (share) => `PCA 平面：佔變異的 ${share}`,
  lattice: "沒有編碼器，因此沒有影像地圖：這是種子格點，每個交點都是先驗分布的一次抽樣。",
  points: (n, data) => `${data} 的 ${n} 張影像經過編碼`,
  ellipses: "各類別的高斯分布（1 與 2 σ）",
  reset: "整張地圖",
  drawn: "隨機位置",
  gapLayer: "空隙",
  gapNames: {
    none: "不顯示",
    distance: "離資料遠",
    round_trip: "認不出來（往返）",
    stretch: "解碼器拉伸",
    doubt: "評判者猶豫",
  },
  layering: "計算中……",
  gapMeaning: "紅色：超過 99 % 的保留影像；琥珀色：超過 90 %。",
  tools: { look: "觀看", gaussians: "高斯", draw: "手繪", find: "尋找", path: "路徑", plane: "平面" },
  toolList: "工具",
};
