"""Where a network runs: decided from the environment and from what onnxruntime was built with."""

from __future__ import annotations

import pytest

from workloads.serving.sessions import Settings, chain, open_session

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
EVERYTHING = [TENSORRT, CUDA, "AzureExecutionProvider", CPU]


def test_without_a_gpu_all_cores_work_on_one_call():
    settings = Settings.of({}, ["AzureExecutionProvider", CPU], cores=8)
    assert (settings.providers, settings.threads, settings.calls, settings.batch) == (("cpu",), 8, 1, 1)


def test_fewer_threads_are_more_calls_at_once():
    assert Settings.of({"MLOPS_SERVING_THREADS": "2"}, [CPU], cores=8).calls == 4


def test_gpu_is_taken_where_there_is_one_and_gets_batches():
    settings = Settings.of({}, EVERYTHING, cores=4)
    assert (settings.providers, settings.calls, settings.batch) == (("tensorrt", "cuda", "cpu"), 1, 8)
    assert settings.workers >= settings.batch  # or no batch would ever come together


def test_environment_chooses_among_what_is_there():
    assert Settings.of({"MLOPS_SERVING_PROVIDERS": "cuda, cpu"}, EVERYTHING).providers == ("cuda", "cpu")
    assert Settings.of({"MLOPS_SERVING_PROVIDERS": "cuda,cpu"}, [CPU]).providers == ("cpu",)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"MLOPS_SERVING_PROVIDERS": "rocm"}, "'rocm' is unknown; there are tensorrt, cuda, cpu"),
        ({"MLOPS_SERVING_PROVIDERS": "cuda"}, "none of cuda is in this onnxruntime"),
        ({"MLOPS_SERVING_THREADS": "0"}, "MLOPS_SERVING_THREADS: '0' given; give a whole number from 1 to 1024"),
        ({"MLOPS_SERVING_QUEUE": "many"}, "MLOPS_SERVING_QUEUE: 'many'"),
    ],
)
def test_what_cannot_be_is_told(environment, words):
    with pytest.raises(ValueError, match=words):
        Settings.of(environment, [CPU])


def test_tensorrt_is_told_shapes_and_computes_no_less_exactly_than_the_file():
    settings = Settings.of({"MLOPS_SERVING_BATCH": "32", "MLOPS_SERVING_CACHE": "/cache"}, EVERYTHING)
    (name, options), *rest = chain(settings, precision="fp32", input_size=(384, 1248), fixed=True)
    assert (name, rest) == (TENSORRT, [CUDA, CPU])
    assert options["trt_profile_max_shapes"] == "images:32x3x384x1248"
    assert (options["trt_fp16_enable"], options["trt_int8_enable"]) == (False, False)
    assert options["trt_engine_cache_path"] == "/cache"
    (_, half), *_ = chain(settings, precision="fp16", input_size=(64, 64), fixed=True)
    assert half["trt_fp16_enable"] is True


def test_network_with_further_inputs_runs_on_cuda():
    assert chain(Settings.of({}, EVERYTHING), precision="fp32", input_size=(64, 64), fixed=False) == [CUDA, CPU]


def test_session_is_opened_as_the_settings_say(spotting):
    settings = Settings.of({"MLOPS_SERVING_THREADS": "3"}, [CPU])
    session = open_session((spotting / "model.onnx").read_bytes(), settings, [CPU])
    assert session.get_session_options().intra_op_num_threads == 3
    assert session.get_providers() == [CPU]
