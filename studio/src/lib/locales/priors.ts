// Text of the choice of a prior.
export const en = {
  title: "Prior",
  kinds: {
    trained: "as trained",
    gaussian: "one Gaussian",
    "class-gaussian": "a Gaussian per class",
    mixture: "mixture of Gaussians",
    "class-mixture": "a mixture per class",
    flow: "normalizing flow",
  } as Record<string, string>,
  notFitted: " (not fitted yet)",
  use: "Use",
  fit: "Fit and use",
  fitting: "Fitting …",
};

export const zhTW: typeof en = {
  title: "先驗分布",
  kinds: {
    trained: "訓練時的先驗",
    gaussian: "單一高斯分布",
    "class-gaussian": "每個類別一個高斯分布",
    mixture: "高斯混合",
    "class-mixture": "每個類別一個高斯混合",
    flow: "正規化流（normalizing flow）",
  },
  notFitted: "（尚未擬合）",
  use: "套用",
  fit: "擬合並套用",
  fitting: "正在擬合……",
};
