/** Making pictures and looking at them. */
import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import type { User } from "../collections.ts";
import { generate } from "../generate.ts";
import { type Env, formOf, PageError, type Parts, signedIn } from "../http.ts";
import { IMAGE_TYPES } from "../images/provider.ts";
import { galleryPage, PROMPT_UNITS, picturePage, welcomePage } from "../pages/pictures.ts";

const UUID = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/;

export function pictureRoutes(parts: Parts): Hono<Env> {
  const { storage } = parts;
  const app = new Hono<Env>();

  app.get("/", async (context) => {
    const { user } = context.var;
    if (user === undefined) return context.html(welcomePage());
    const pictures = await storage.getUserPictures(user.id);
    return context.html(galleryPage(user, pictures, randomUUID()));
  });

  app.post("/pictures", async (context) => {
    const user = signedIn(context);
    const field = await formOf(context);
    const prompt = field("prompt").trim();
    const given = field("attempt");
    if (prompt === "" || prompt.length > PROMPT_UNITS) {
      const pictures = await storage.getUserPictures(user.id);
      const problem =
        prompt === "" ? "Say what you want to see." : `${PROMPT_UNITS} characters at most.`;
      return context.html(galleryPage(user, pictures, randomUUID(), { prompt, problem }), 422);
    }
    const attempt = UUID.test(given) ? given : randomUUID();
    const picture = await generate(parts, user, prompt, attempt);
    return context.redirect(`/pictures/${picture}`, 303);
  });

  const own = async (user: User, id: string) => {
    const picture = await storage.getPicture(id);
    if (picture === undefined || picture.user_id !== user.id) {
      throw new PageError(404, "There is no such picture.");
    }
    return picture;
  };

  app.get("/pictures/:id", async (context) => {
    const user = signedIn(context);
    return context.html(picturePage(user, await own(user, context.req.param("id"))));
  });

  app.get("/pictures/:id/file", async (context) => {
    const { url } = await own(signedIn(context), context.req.param("id"));
    const [, type = "", base64 = ""] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
    if (!IMAGE_TYPES.includes(type)) throw new PageError(404, "The picture cannot be shown.");
    return context.body(Buffer.from(base64, "base64"), 200, {
      "content-type": type,
      "cache-control": "private, max-age=31536000, immutable",
    });
  });
  return app;
}
