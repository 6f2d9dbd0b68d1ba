// What the page says, in two languages, one file for each part of it. A missing word is a type error.
import * as common from "./common";
import * as compare from "./compare";
import * as explore from "./explore";
import * as given from "./given";
import * as generate from "./generate";
import * as lab from "./lab";
import * as train from "./train";

const en = {
  ...common.en, explore: explore.en, compare: compare.en, generate: generate.en, train: train.en, lab: lab.en,
  given: given.en,
};
const zhTW: typeof en = {
  ...common.zhTW, explore: explore.zhTW, compare: compare.zhTW, generate: generate.zhTW, train: train.zhTW,
  lab: lab.zhTW, given: given.zhTW,
};

export const LANGUAGES = { en, "zh-TW": zhTW };
export type Language = keyof typeof LANGUAGES;
