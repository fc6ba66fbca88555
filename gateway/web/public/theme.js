// Before the first paint: the theme that the person chose, if any. A file of its own, since the policy allows no script in a page.
;(() => {
  const theme = localStorage.getItem('qihang.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  const language = localStorage.getItem('qihang.language')
  if (language === 'en' || language === 'zh-CN') document.documentElement.lang = language
})()
