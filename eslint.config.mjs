// The linter catches what the type checker cannot: promises nobody awaits, switches that miss a
// case, and imports across the folder boundaries that docs/architecture.md describes.
import tseslint from "typescript-eslint";

const across = (...patterns) => ({
  "no-restricted-imports": [
    "error",
    { patterns: patterns.map(([regex, message]) => ({ regex, message })) },
  ],
});

export default tseslint.config(
  {
    ignores: [
      "node_modules/",
      "bench/.peers/",
      // Projects of their own, with an SDK that is made for them.
      "examples/",
      ".gangway/",
      "coverage/",
      "test/architecture/fixtures/",
    ],
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.base],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: false, requireDefaultForNonUnion: false },
      ],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/only-throw-error": "error",
      // In a scope with `await using`, a promise that is returned without await outlives the resource.
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
      "@typescript-eslint/consistent-type-imports": "error",
      eqeqeq: "error",
      "no-empty": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["server/**/*.ts"],
    rules: across(
      ["^@pulumi/", "The server knows nothing of Pulumi."],
      ["/(infra|lab|probe|cli|test)/", "The server imports only its own folders."],
    ),
  },
);
