// Words of Compare.
export const en = {};

export const zhTW: typeof en = {};
