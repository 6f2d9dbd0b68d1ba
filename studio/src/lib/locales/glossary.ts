// Explanations of terms: what each is, its formula, and where to read more.

interface Explanation {
  title: string;
  text: string;
  formula?: string;
  link?: string;
}

const explanation = (title: string, text: string, formula?: string, link?: string): Explanation => ({ title, text, formula, link });

const VAE = "https://arxiv.org/abs/1906.02691";
const GAN = "https://arxiv.org/abs/1406.2661";

export const en = {
  more: "Read more",
  terms: {
    latent: explanation("latent space", "The space of the codes z that the decoder turns into images. Points that are close decode to similar images.", "x̂ = decoder(z)", VAE),
    prior: explanation("prior", "The distribution from which latents are drawn to generate samples.", "z ~ N(0, I)", VAE),
    posterior: explanation("posterior", "The distribution of latents that the encoder of a VAE gives for one image.", "q(z | x) = N(μ(x), diag σ²(x))", VAE),
    elbo: explanation("ELBO", "A lower bound of the log-likelihood of an image, which a VAE maximizes. The first term rewards good reconstructions; the second keeps the posterior near the prior.", "ELBO = E_q(z|x)[log p(x | z)] − β KL(q(z | x) ‖ p(z)), with β = 1", VAE),
    kl: explanation("KL divergence", "How many nats are lost if p is used in place of q. It is 0 only if the two distributions are equal.", "KL(q ‖ p) = E_q[log q(z) − log p(z)]", "https://en.wikipedia.org/wiki/Kullback–Leibler_divergence"),
    beta: explanation("β", "The weight of the KL term. A larger β gives a latent space that is closer to the prior, and blurrier reconstructions.", "loss = −E[log p(x | z)] + β KL", "https://openreview.net/forum?id=Sy2fzU9gl"),
    nats: explanation("nats", "The unit of losses and likelihoods with the natural logarithm. One nat is 1.44 bits.", "1 nat = 1 / ln 2 bits", "https://en.wikipedia.org/wiki/Nat_(unit)"),
    generator: explanation("generator", "The network of a GAN that turns a latent into an image which the discriminator takes for a real one.", "x̂ = G(z)", GAN),
    discriminator: explanation("discriminator", "The network of a GAN that scores how real an image looks. Generator and discriminator train against each other.", "D(x): the logit of being real", GAN),
    relativistic: explanation("relativistic loss", "The discriminator compares pairs: how much more real does a real image look than a generated one?", "E[softplus(−(D(x) − D(G(z))))]", "https://arxiv.org/abs/2501.05441"),
    penalty: explanation("gradient penalty (R1, R2)", "Keeps the discriminator smooth at real images (R1) and at generated images (R2), which makes the training converge.", "γ/2 · E[|∇D(x)|²]", "https://arxiv.org/abs/1801.04406"),
    equilibrium: explanation("Nash equilibrium", "A state in which no network can lower its own loss by changing alone. Generated images then have the distribution of the data.", undefined, GAN),
    dualityGap: explanation("duality gap", "What both networks together could still gain if each were trained alone against the other. It is 0 only at an equilibrium.", "max over D of V(G, D) − min over G of V(G, D)", "https://arxiv.org/abs/1811.05512"),
    logit: explanation("logit", "The log odds of being real. 0 means that both are equally likely.", "p = 1 / (1 + e^−logit)", "https://en.wikipedia.org/wiki/Logit"),
    ema: explanation("EMA", "An exponential moving average of the weights during the training. Samples come from these averaged weights, which vary less.", "ema ← d · ema + (1 − d) · weights", "https://arxiv.org/abs/1806.04498"),
    learningRate: explanation("learning rate", "The step size of the optimizer. If it is too large, the loss diverges; if it is too small, the training takes long.", "weights ← weights − rate · direction", "https://arxiv.org/abs/1412.6980"),
    heldOut: explanation("held-out images", "Images that the model has not seen during training. Results on them show whether it generalizes.", undefined, "https://en.wikipedia.org/wiki/Training,_validation,_and_test_data_sets"),
    snapshot: explanation("snapshot", "A copy of the weights at one step of the training. Snapshots are spaced evenly in log(step), since most changes happen early."),
    interval: explanation("95 % interval", "If the measurement were repeated with other images, 95 % of such intervals would contain the true value.", undefined, "https://en.wikipedia.org/wiki/Confidence_interval"),
    classifier: explanation("evaluation classifier", "A network trained on the same real images. It judges the class of samples and supplies features for comparisons. It is not part of the model."),
    frechet: explanation("Fréchet distance", "Distance between the features of samples and of real images, with both treated as Gaussians. Lower is better.", "|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½)", "https://arxiv.org/abs/1706.08500"),
    precision: explanation("precision", "The share of samples that are close to real images. It measures quality.", undefined, "https://arxiv.org/abs/1904.06991"),
    recall: explanation("recall", "The share of real images that are close to samples. It measures diversity; a low value means that kinds of images are missing.", undefined, "https://arxiv.org/abs/1904.06991"),
    modeCollapse: explanation("mode collapse", "The generator makes only a few kinds of images, however diverse the data are.", undefined, GAN),
  },
};

export const zhTW: typeof en = {
  more: "延伸閱讀",
  terms: {
    latent: explanation("潛在空間", "編碼 z 所在的空間；解碼器把 z 轉成影像。相近的點會解碼成相似的影像。", en.terms.latent.formula, VAE),
    prior: explanation("先驗分布", "生成樣本時，潛在向量所取自的分布。", en.terms.prior.formula, VAE),
    posterior: explanation("後驗分布", "VAE 的編碼器對一張影像給出的潛在向量分布。", en.terms.posterior.formula, VAE),
    elbo: explanation("ELBO（證據下界）", "影像對數概似的下界，VAE 的訓練目標就是使它最大。第一項鼓勵良好的重建，第二項使後驗接近先驗。", "ELBO = E_q(z|x)[log p(x | z)] − β KL(q(z | x) ‖ p(z))，β = 1", VAE),
    kl: explanation("KL 散度", "以 p 代替 q 時損失多少 nats。只有兩個分布相同時才為 0。", en.terms.kl.formula, en.terms.kl.link),
    beta: explanation("β", "KL 項的權重。β 越大，潛在空間越接近先驗，重建影像也越模糊。", en.terms.beta.formula, en.terms.beta.link),
    nats: explanation("nats", "以自然對數計算的損失與概似的單位。1 nat 等於 1.44 位元。", "1 nat = 1 / ln 2 位元", en.terms.nats.link),
    generator: explanation("生成器", "GAN 中把潛在向量轉成影像的網路，目標是讓鑑別器認為影像是真的。", en.terms.generator.formula, GAN),
    discriminator: explanation("鑑別器", "GAN 中為影像的真實程度評分的網路。生成器與鑑別器互相對抗訓練。", "D(x)：判為真實的 logit", GAN),
    relativistic: explanation("相對式損失", "鑑別器成對比較：真實影像看起來比生成影像真實多少？", en.terms.relativistic.formula, en.terms.relativistic.link),
    penalty: explanation("梯度懲罰（R1、R2）", "使鑑別器在真實影像（R1）與生成影像（R2）處保持平滑，訓練因此能夠收斂。", en.terms.penalty.formula, en.terms.penalty.link),
    equilibrium: explanation("納許均衡", "任何一個網路單獨改變都無法再降低自己的損失的狀態。此時生成影像的分布與資料相同。", undefined, GAN),
    dualityGap: explanation("對偶間隙", "固定一個網路、單獨訓練另一個，兩者合計還能改善多少。只有在均衡處才為 0。", "對 D 取最大的 V(G, D) − 對 G 取最小的 V(G, D)", en.terms.dualityGap.link),
    logit: explanation("logit", "判為真實的對數勝算。0 表示真假機率相同。", en.terms.logit.formula, en.terms.logit.link),
    ema: explanation("EMA（指數移動平均）", "訓練過程中權重的指數移動平均。樣本由平均後的權重生成，較為穩定。", "ema ← d · ema + (1 − d) · 權重", en.terms.ema.link),
    learningRate: explanation("學習率", "最佳化器的步長。太大會使損失發散，太小則訓練很久。", "權重 ← 權重 − 學習率 · 方向", en.terms.learningRate.link),
    heldOut: explanation("保留影像", "訓練時沒有用到的影像。由這些影像的結果可看出模型能否泛化。", undefined, en.terms.heldOut.link),
    snapshot: explanation("快照", "訓練到某一步時的權重副本。由於變化多半發生在初期，快照在 log(步數) 上等距。"),
    interval: explanation("95 % 信賴區間", "若以其他影像重複測量，這樣的區間有 95 % 會包含真正的值。", undefined, en.terms.interval.link),
    classifier: explanation("評估用分類器", "以同一批真實影像訓練的網路，用來判斷樣本的類別，並提供比較所需的特徵。它不是模型的一部分。"),
    frechet: explanation("Fréchet 距離", "把樣本與真實影像的特徵都視為高斯分布時，兩者之間的距離。越低越好。", en.terms.frechet.formula, en.terms.frechet.link),
    precision: explanation("精確率（precision）", "接近真實影像的樣本所占的比例，用來衡量品質。", undefined, en.terms.precision.link),
    recall: explanation("召回率（recall）", "接近樣本的真實影像所占的比例，用來衡量多樣性；數值低表示缺少某些種類的影像。", undefined, en.terms.recall.link),
    modeCollapse: explanation("模式崩塌", "不論資料多麼多樣，生成器都只產生少數幾種影像。", undefined, GAN),
  },
};
