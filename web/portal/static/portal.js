// After a form was answered in place, the reader's place is the new heading: screen readers and keyboards go on there.
document.addEventListener("htmx:after:swap", () => {
  const heading = document.querySelector("#page h1");
  if (heading) { heading.setAttribute("tabindex", "-1"); heading.focus(); window.scrollTo(0, 0); }
});
