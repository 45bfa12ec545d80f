/* For JupyterLab and Notebook 7: who may start no kernel opens notebooks without one, whoever has an
 * account finds it in the File menu, and who has been signed out is told so.
 *
 * Without the first, a document that starts a kernel as it opens would be followed by two dialogs;
 * without the last, clicks on files would do nothing at all.
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

  const tellSignedOut = () => {
    const id = "jupyter-authz-signed-out";
    if (document.getElementById(id)) {
      return;
    }
    const { baseUrl = "/" } = pageConfig();
    const here = location.pathname + location.search + location.hash;
    const link = document.createElement("a");
    link.href = `${baseUrl}login?next=${encodeURIComponent(here)}`;
    link.textContent = "Sign in again";
    link.style.cssText = "color: inherit; text-decoration: underline; margin-left: 1em";
    const bar = document.createElement("div");
    bar.id = id;
    bar.setAttribute("role", "alert");
    bar.style.cssText =
      "position: fixed; top: 0; left: 0; right: 0; z-index: 100000; padding: 0.6em 1em; " +
      "text-align: center; background: #b71c1c; color: #fff; font: 16px sans-serif";
    bar.append("You have been signed out: what you do here is not kept.", link);
    document.body.append(bar);
  };

  // Before the front end takes it for itself.
  const fetchBefore = window.fetch.bind(window);
  window.fetch = async (...given) => {
    const reply = await fetchBefore(...given);
    if (reply.status === 403) {
      reply
        .clone()
        .json()
        .then((told) => told && told.reason === "not-signed-in" && tellSignedOut())
        .catch(() => {});
    }
    return reply;
  };

  const container = {
    init: () => {},
    get: async () => () => ({ default: [kernels, account], __esModule: true }),
  };
  (window._JUPYTERLAB = window._JUPYTERLAB || {}).jupyter_authz = container;
})();
