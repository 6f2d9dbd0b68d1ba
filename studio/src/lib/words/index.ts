// What the page says, in two languages, one file for each part of it. A missing word is a type error.
import * as common from "./common";
import * as compare from "./compare";
import * as explore from "./explore";
import * as gaussians from "./gaussians";
import * as generate from "./generate";
import * as lab from "./lab";
import * as paths from "./paths";
import * as planes from "./planes";
import * as train from "./train";

const en = {
  ...common.en, explore: explore.en, compare: compare.en, generate: generate.en, train: train.en, lab: lab.en,
  gaussians: gaussians.en, paths: paths.en, planes: planes.en,
};
const zhTW: typeof en = {
  ...common.zhTW, explore: explore.zhTW, compare: compare.zhTW, generate: generate.zhTW, train: train.zhTW,
  lab: lab.zhTW, gaussians: gaussians.zhTW, paths: paths.zhTW, planes: planes.zhTW,
};

export const LANGUAGES = { en, "zh-TW": zhTW };
export type Language = keyof typeof LANGUAGES;
