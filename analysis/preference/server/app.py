"""The addresses of the web application: what each answers, and what it refuses.

A rater's addresses start with `/r/TOKEN`. An unknown token, a malformed one, a page that does not exist and a clip that
is not on the rater's screen now have one answer: 404, with the same page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.preference.answers import Answer
from analysis.preference.design import Question
from analysis.preference.server.security import Application, json_body, with_security_headers
from analysis.preference.server.study import ServedStudy
from analysis.preference.store import NotSaved, Refused, Shown

STATIC = {"style.css": "text/css", "question.js": "text/javascript", "icon.svg": "image/svg+xml"}

router = APIRouter()


def create_app(study: ServedStudy, hosts: list[str]) -> Application:
    """The web application of a study.

    Args:
        study: the study to serve.
        hosts: names under which the server may be reached; a request with another Host header is refused, so that a
            foreign site cannot reach a server on loopback by a name of its own (DNS rebinding).
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.study = study
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    app.include_router(router)

    async def not_found(request: Request, error: Exception) -> Response:
        return HTMLResponse(study.pages.not_found(), 404)

    app.add_exception_handler(404, not_found)
    app.add_exception_handler(405, not_found)
    app.add_exception_handler(RequestValidationError, not_found)
    app.add_exception_handler(403, _no_consent)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(NotSaved, _not_saved)
    return with_security_headers(app)


class Submission(BaseModel):
    """The body of an answer, in which every field is needed and no other is allowed."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    position: int = Field(ge=0)
    nonce: str = Field(max_length=64)
    answer: str = Field(max_length=256)
    seconds: float = Field(ge=0, le=86_400)
    window_width: int = Field(ge=1, le=100_000)
    window_height: int = Field(ge=1, le=100_000)


@dataclass(frozen=True)
class Visit:
    """A request by a rater with a valid link."""

    study: ServedStudy
    rater: int
    base: str
    questions: tuple[Question, ...]


async def visit(token: str, request: Request) -> Visit:
    """The rater whose token is in the address.

    Raises:
        HTTPException: 404, nobody has this token.
    """
    study: ServedStudy = request.app.state.study
    rater = study.rater(token)
    if rater is None:
        raise HTTPException(404)
    return Visit(study, rater, f"/r/{token}", study.questions[rater])


async def consented_visit(visit: Annotated[Visit, Depends(visit)]) -> Visit:
    """The rater whose token is in the address, once they have accepted the consent text.

    Raises:
        HTTPException: 403, they have not.
    """
    if not visit.study.store.has_consented(visit.rater):
        raise HTTPException(403)
    return visit


AnyVisit = Annotated[Visit, Depends(visit)]
ConsentedVisit = Annotated[Visit, Depends(consented_visit)]


@router.get("/r/{token}")
def entry(visit: AnyVisit) -> Response:
    """The rater's link: consent, instructions, the questions or the last page, wherever the rater is."""
    if not visit.study.store.has_consented(visit.rater):
        return HTMLResponse(visit.study.pages.consent(visit.base))
    if visit.study.store.position(visit.rater) == 0:
        return HTMLResponse(visit.study.pages.instructions(visit.base, answered=0))
    return questions(visit)


@router.post("/r/{token}/consent")
def consent(visit: AnyVisit) -> Response:
    """Notes that the consent text was accepted."""
    visit.study.store.consent(visit.rater)
    return RedirectResponse(visit.base, 303)


@router.get("/r/{token}/instructions")
def instructions(visit: ConsentedVisit) -> Response:
    """The instructions."""
    answered = visit.study.store.position(visit.rater)
    return HTMLResponse(visit.study.pages.instructions(visit.base, answered))


@router.get("/r/{token}/questions")
def questions(visit: ConsentedVisit) -> Response:
    """The page whose script shows the questions; after the last one, the last page."""
    if visit.study.store.position(visit.rater) >= len(visit.questions):
        return HTMLResponse(visit.study.pages.finished())
    return HTMLResponse(visit.study.pages.question(visit.base))


@router.get("/r/{token}/question")
def question(visit: ConsentedVisit) -> Response:
    """The current question as JSON."""
    return _question(visit, visit.study.store.show(visit.rater))


@router.get("/r/{token}/clip/{position}/{side}")
async def clip(visit: ConsentedVisit, position: int, side: str) -> Response:
    """A clip of the current question, as raw bytes. Its address says who asks and where, never what it shows."""
    if position != visit.study.store.position(visit.rater) or position >= len(visit.questions):
        raise HTTPException(404)
    current = visit.questions[position]
    clip_id = {"left": current.left, "right": current.right}.get(side)
    if clip_id is None:
        raise HTTPException(404)
    return Response(await visit.study.clip(clip_id), media_type="application/octet-stream")


@router.post("/r/{token}/answer")
def answer(visit: ConsentedVisit, body: Annotated[bytes, Depends(json_body)]) -> Response:
    """Writes the answer to the current question, then returns the next question."""
    try:
        given = Submission.model_validate_json(body)
    except ValidationError:
        return _trouble(400)
    if given.position >= len(visit.questions) or given.answer not in visit.questions[given.position].choices:
        raise Refused
    row = Answer(
        rater=visit.rater,
        position=given.position,
        question=visit.questions[given.position].id,
        answer=given.answer,
        seconds=given.seconds,
        window=(given.window_width, given.window_height),
        answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return _question(visit, visit.study.store.answer(row, given.nonce))


@router.get("/static/{name}")
def static(name: str) -> Response:
    """The style sheet and the script; there are no other files."""
    if name not in STATIC:
        raise HTTPException(404)
    content = (resources.files("analysis.preference.server") / "static" / name).read_bytes()
    return Response(content, media_type=STATIC[name])


def _question(visit: Visit, shown: Shown) -> Response:
    total = len(visit.questions)
    if shown.position >= total:
        return JSONResponse({"finished": True})
    return JSONResponse(visit.study.pages.in_words(visit.questions[shown.position], shown, total))


def _trouble(status: int) -> Response:
    return JSONResponse({"error": status}, status)


def _wants_page(request: Request) -> bool:
    """Whether a person waits for a page, rather than the script for data."""
    return "text/html" in request.headers.get("accept", "")


async def _no_consent(request: Request, error: Any) -> Response:
    if _wants_page(request):
        return RedirectResponse(f"/r/{request.path_params['token']}", 303)
    return _trouble(403)


async def _refused(request: Request, error: Any) -> Response:
    return _trouble(409)


async def _not_saved(request: Request, error: Any) -> Response:
    if _wants_page(request):
        return HTMLResponse(request.app.state.study.pages.not_saved(), 503)
    return _trouble(503)
