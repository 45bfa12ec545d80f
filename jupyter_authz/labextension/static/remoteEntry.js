/* For JupyterLab and Notebook 7: who may start no kernel opens notebooks without one.
 *
 * Without this, a document that starts a kernel as it opens would be followed by two dialogs. It
 * protects nothing: the server decides. A federated module, written by hand since it needs nothing
 * of what JupyterLab shares; `guard.frontends` says in the page's configuration whom it is for.
 */
(() => {
  "use strict";

  const pageConfig = () => {
    const element = document.getElementById("jupyter-config-data");
    return element ? JSON.parse(element.textContent) : {};
  };

  const plugin = {
    id: "jupyter_authz:kernels",
    description: "Opens documents without a kernel where none may be started.",
    autoStart: true,
    activate: (app) => {
      if (pageConfig().authzStartsKernels !== false) {
        return;
      }
      const registry = app.docRegistry;
      const before = registry.getKernelPreference.bind(registry);
      registry.getKernelPreference = (...given) => {
        const preference = before(...given);
        return preference && { ...preference, canStart: false, shouldStart: false };
      };
    },
  };

  const container = {
    init: () => {},
    get: async () => () => ({ default: plugin, __esModule: true }),
  };
  (window._JUPYTERLAB = window._JUPYTERLAB || {}).jupyter_authz = container;
})();
