// What Gradio leaves out: pasting a picture, and moving the before-and-after slider by keyboard.
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith("image/"));
  const input = document.querySelector('#drop input[type="file"]');
  if (!files.length || !input) return;
  const carrier = new DataTransfer();
  carrier.items.add(files[0]);
  input.files = carrier.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  event.preventDefault();
});
document.documentElement.lang = "en";
