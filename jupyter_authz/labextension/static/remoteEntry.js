/* For JupyterLab and Notebook 7: who may start no kernel opens notebooks without one, and whoever
 * has an account finds it in the File menu.
 *
 * Without the first, a document that starts a kernel as it opens would be followed by two dialogs.
 * It protects nothing: the server decides. A federated module, written by hand since it needs
 * nothing of what JupyterLab shares; `guard.frontends` says in the page's configuration for whom
 * it is what.
 */
(() => {
  "use strict";

  const pageConfig = () => {
    const element = document.getElementById("jupyter-config-data");
    return element ? JSON.parse(element.textContent) : {};
  };

  const kernels = {
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

  const account = {
    id: "jupyter_authz:account",
    description: "Has commands for the pages of one's own account and of administration.",
    autoStart: true,
    activate: (app) => {
      const { baseUrl = "/", authzPages = {} } = pageConfig();
      const labels = { account: "Your Account", administration: "Manage People" };
      for (const [name, label] of Object.entries(labels)) {
        // The menu names all of them.
        app.commands.addCommand(`authz:${name}`, {
          label,
          isVisible: () => name in authzPages,
          execute: () => {
            window.open(baseUrl + authzPages[name], "_blank", "noopener");
          },
        });
      }
    },
  };

  const container = {
    init: () => {},
    get: async () => () => ({ default: [kernels, account], __esModule: true }),
  };
  (window._JUPYTERLAB = window._JUPYTERLAB || {}).jupyter_authz = container;
})();
