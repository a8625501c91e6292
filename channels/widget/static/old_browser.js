// Run only by browsers that know no modules (before Chromium 61): tell the parent, since nothing else here will.
document.addEventListener("DOMContentLoaded", function () {
  document.querySelector(".js-old-browser").hidden = false;
});
