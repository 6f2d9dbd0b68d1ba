/** Whether keys pressed on an element are input for it, and therefore no shortcuts. */
export const isTyping = (target: HTMLElement): boolean =>
  target.matches("select, textarea, input:not([type=checkbox], [type=radio], [type=range], [type=file], [type=color])");
