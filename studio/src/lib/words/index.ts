// What the page says, in two languages, one file for each part of it. A missing word is a type error.
import * as common from "./common";
import * as compare from "./compare";
import * as explore from "./explore";
import * as gaussians from "./gaussians";
import * as generate from "./generate";
import * as given from "./given";
import * as lab from "./lab";
import * as moments from "./moments";
import * as paths from "./paths";
import * as planes from "./planes";
import * as train from "./train";

const en = {
  ...common.en,
  compare: compare.en,
  explore: explore.en,
  gaussians: gaussians.en,
  generate: generate.en,
  given: given.en,
  lab: lab.en,
  moments: moments.en,
  paths: paths.en,
  planes: planes.en,
  train: train.en,
};
const zhTW: typeof en = {
  ...common.zhTW,
  compare: compare.zhTW,
  explore: explore.zhTW,
  gaussians: gaussians.zhTW,
  generate: generate.zhTW,
  given: given.zhTW,
  lab: lab.zhTW,
  moments: moments.zhTW,
  paths: paths.zhTW,
  planes: planes.zhTW,
  train: train.zhTW,
};

export const LANGUAGES = { en, "zh-TW": zhTW };
export type Language = keyof typeof LANGUAGES;
