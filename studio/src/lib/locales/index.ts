// The text of the page in two languages, one file for each part. A missing string is a type error.
import * as common from "./common";
import * as compare from "./compare";
import * as explore from "./explore";
import * as exported from "./exported";
import * as gaussians from "./gaussians";
import * as generate from "./generate";
import * as glossary from "./glossary";
import * as lab from "./lab";
import * as paths from "./paths";
import * as planes from "./planes";
import * as priors from "./priors";
import * as query from "./query";
import * as snapshots from "./snapshots";
import * as train from "./train";

const en = {
  ...common.en,
  compare: compare.en,
  explore: explore.en,
  exported: exported.en,
  gaussians: gaussians.en,
  generate: generate.en,
  glossary: glossary.en,
  lab: lab.en,
  paths: paths.en,
  planes: planes.en,
  priors: priors.en,
  query: query.en,
  snapshots: snapshots.en,
  train: train.en,
};
const zhTW: typeof en = {
  ...common.zhTW,
  compare: compare.zhTW,
  explore: explore.zhTW,
  exported: exported.zhTW,
  gaussians: gaussians.zhTW,
  generate: generate.zhTW,
  glossary: glossary.zhTW,
  lab: lab.zhTW,
  paths: paths.zhTW,
  planes: planes.zhTW,
  priors: priors.zhTW,
  query: query.zhTW,
  snapshots: snapshots.zhTW,
  train: train.zhTW,
};

export const LANGUAGES = { en, "zh-TW": zhTW };
export type Language = keyof typeof LANGUAGES;
