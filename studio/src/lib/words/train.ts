// Words of Train.
export const en = {};

export const zhTW: typeof en = {};
