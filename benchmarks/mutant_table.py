"""The mutants of `benchmarks/mutants.py`: each a line that stands once in its file, and the fault for it.

Add one for each fault that a test should notice, with the quickest test that does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        file: relative to the root.
        old: text that occurs once in it.
        new: what stands there instead.
        tests: arguments of pytest, few enough to take seconds.
    """

    file: str
    old: str
    new: str
    tests: str

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.old.split())!r} -> {' '.join(self.new.split())!r}"


def _of(file: str, tests: str, *faults: tuple[str, str] | tuple[str, str, str]) -> list[Mutant]:
    """Return faults of one file; a third word narrows the tests to those of a name."""
    return [
        Mutant(file, fault[0], fault[1], tests + "".join(f"::{t}" for t in fault[2:])) for fault in faults
    ]


COC = _of(
    "focusgen/optics/coc.py",
    "tests/optics/test_coc.py",
    ("return f * f / (n * (s - f))", "return f * f / (n * s)"),
    ("return f * f / (n * s)\n", "return f * f / (n * s * s)\n"),
    ("(depth < lens.focus_distance_m)", "(depth > lens.focus_distance_m)"),
    ("(image_width_px / (2.0 * sensor_width_m))", "(image_width_px / sensor_width_m)"),
    ("coc = coc.clip(0.0, max_coc_m)", "coc = coc.clip(0.0, 2.0 * max_coc_m)"),
    ("bits.max() <= LAST_DEPTH", "bits.max() <= 0xFFFF"),
    ("np.clip(coc / max_coc_m, 0.0, 1.0)", "np.clip(coc / max_coc_m, 0.0, 0.9)"),
) + _of(
    "focusgen/optics/coc.py",
    "tests/phases/test_lens_set.py",
    (
        "coc = np.minimum(coc, coc_limit_m)",
        "coc = np.maximum(coc, coc_limit_m)",
        "test_a_label_stops_where_the_renderer_does",
    ),
    (
        "return 2.0 * radius_px * sensor_width_m / image_width_px",
        "return radius_px * sensor_width_m / image_width_px",
        "test_only_sets_that_need_more_blur_than_is_drawn_are_marked_and_told",
    ),
)

LENSES = _of(
    "focusgen/optics/lenses.py",
    "tests/optics/test_lenses.py",
    ('derive_seed(seed, "lens", index)', 'derive_seed(seed, "lens", index, n)'),
    (
        "if s >= MIN_FOCUS_OVER_FOCAL_LENGTH * f:\n            return",
        "if s >= f:\n            return",
    ),
    ("sorted(rng.random() for _ in range(3))[1]", "sorted(rng.random() for _ in range(3))[0]"),
    ("n = math.exp(_between(low_n, high_n, rng.random()))", "n = _between(*f_number, rng.random())"),
    ("n_redrawn += n_rejected", "n_redrawn += 0"),
    ("near_m = max(d_min_m, MIN_FOCUS_OVER_FOCAL_LENGTH * lens.focal_length_m)", "near_m = d_min_m"),
    ("return (2.0 / (near_per_m + far_per_m),)", "return ((near_m + far_m) / 2.0,)"),
)

STATS = _of(
    "focusgen/optics/stats.py",
    "tests/optics/test_stats.py",
    ("(0.0, 100.0, 50.0, 5.0, 95.0)", "(0.0, 100.0, 50.0, 5.0, 90.0)"),
    ("self.max = max(self.max, float(coc_m.max()))", "self.max = float(coc_m.max())"),
    ("self.n += int(weights.sum())", "self.n += weights.size"),
    ("below = math.floor((n - 1) * (q / 100.0))", "below = math.floor(n * (q / 100.0))"),
    ("return below, min(below + 1, n - 1)", "return below, below"),
    ("if n_bad:", "if n_bad > 3:"),
)

LENS_SETS = (
    _of(
        "focusgen/phases/lens_law.py",
        "tests/phases/test_lens_set.py",
        (
            'robust = cfg.lens.focus_range == "robust"',
            "robust = False",
            "test_the_robust_range_draws_focus_between_percentiles",
        ),
        (
            'stats["d_p95" if robust else "d_max"]',
            'stats["d_max"]',
            "test_the_robust_range_draws_focus_between_percentiles",
        ),
        (
            'stats["d_p5" if robust else "d_min"]',
            'stats["d_min"]',
            "test_the_robust_range_draws_focus_between_percentiles",
        ),
        (
            'scene_seed(cfg.seed, depth.scene.scene_id, "lenses")',
            'scene_seed(cfg.seed, depth.scene.scene_id, f"lenses {n}")',
            "test_the_first_lenses_of_a_scene_do_not_change_when_more_are_asked",
        ),
        (
            'scene_seed(cfg.seed, depth.scene.scene_id, "lenses")',
            'scene_seed(cfg.seed, "", "lenses")',
            "test_the_first_lenses_of_a_scene_do_not_change_when_more_are_asked",
        ),
    )
    + _of(
        "focusgen/phases/lens_set.py",
        "tests/phases/test_lens_set.py",
        (
            "max_coc_m=max_coc_m if self.is_clipped else None",
            "max_coc_m=None",
            "test_radii_end_where_the_label_does_only_if_they_are_clipped",
        ),
        (
            "max_coc_m=max_coc_m if self.is_clipped else None",
            "max_coc_m=self.max_coc_m",
            "test_radii_end_where_the_label_does_only_if_they_are_clipped",
        ),
        (
            "sensor_width_m=self.sensor_width_m,",
            "sensor_width_m=0.036,",
            "test_half_the_sensor_shows_twice_the_blur_and_the_same_label",
        ),
        (
            "focus_map(depth_m, lens, max_coc_m, self.published.coc_limit_m)",
            "focus_map(depth_m, lens, max_coc_m)",
            "test_a_label_stops_where_the_renderer_does",
        ),
        (
            "if limit_px is not None and largest_radius_px(metadata, index, stats) > limit_px:",
            "if limit_px is not None:",
            "test_only_sets_that_need_more_blur_than_is_drawn_are_marked_and_told",
        ),
        (
            'lens_set["max_radius_px"] = limit_px',
            'lens_set["max_radius_px"] = 2.0 * limit_px',
            "test_only_sets_that_need_more_blur_than_is_drawn_are_marked_and_told",
        ),
        (
            "return float(np.abs(radii_px).max())",
            "return float(np.abs(radii_px).min())",
            "test_only_sets_that_need_more_blur_than_is_drawn_are_marked_and_told",
        ),
        (
            "        return cfg.render.max_radius_px\n",
            "        return None\n",
            "test_limited_blur_is_in_metadata_label_record_and_report",
        ),
        (
            'and "max_radius_px" not in metadata["sets"][index]',
            "",
            "test_sets_of_an_older_release_whose_labels_go_on_are_told",
        ),
    )
    + _of(
        "focusgen/dataset/lens_metadata.py",
        "tests/phases/test_lens_set.py",
        (
            'if not metadata.get("clip_to_max_coc"):',
            "if False:",
            "test_only_sets_that_need_more_blur_than_is_drawn_are_marked_and_told",
        ),
        (
            "self.at(frame), self.max_coc_m, self.coc_limit_m)",
            "self.at(frame), self.max_coc_m)",
            "test_limited_blur_is_in_metadata_label_record_and_report",
        ),
    )
    + _of(
        "focusgen/phases/begun_lenses.py",
        "tests/phases/test_begun_lenses.py",
        (
            "if begun is not None and _is_own(job, begun, drawn):",
            "if begun is not None:",
            "test_metadata_that_were_edited_midway_are_drawn_again",
        ),
        (
            "if begun is not None and _is_own(job, begun, drawn):",
            "if False:",
            "test_a_repaired_scene_keeps_its_lenses_even_where_all_labels_are_lost",
        ),
        (
            "if begun is not None and _follow(job, begun):",
            "if False:",
            "test_a_half_made_scene_keeps_its_lenses_and_its_frames",
        ),
    )
    + _of(
        "focusgen/phases/render.py",
        "tests/phases/test_lens_set.py",
        (
            "[*told, *_unusual_means(job, means)]",
            "_unusual_means(job, means)",
            "test_limited_blur_is_in_metadata_label_record_and_report",
        ),
        (
            "if not low <= mean <= high",
            "if mean < low",
            "test_an_unusual_mean_focus_is_told_in_record_log_and_report",
        ),
        (
            "if not low <= mean <= high",
            "if mean > high",
            "test_an_unusual_mean_focus_is_told_in_record_log_and_report",
        ),
        (
            "total += float(label.mean(dtype=np.float64))",
            "total = float(label.mean(dtype=np.float64))",
            "test_an_unusual_mean_focus_is_told_in_record_log_and_report",
        ),
    )
)

VERSIONS = _of(
    "focusgen/phases/versions.py",
    "tests/phases/test_lens_set.py",
    ('"auto": not is_exact', '"auto": False', "test_only_what_was_drawn_from_moved_edges_is_stale"),
)

CALIBRATION = _of(
    "focusgen/phases/calibrate.py",
    "tests/phases/test_calibrate.py",
    (
        "RECOMMENDED_PERCENTILE = 95.0",
        "RECOMMENDED_PERCENTILE = 90.0",
        "test_what_is_recommended_is_p95_of_every_pixel_through_every_lens",
    ),
    (
        "math.ceil(cfg.calibrate",
        "math.floor(cfg.calibrate",
        "test_the_sample_is_rounded_up_and_never_below_its_least_number",
    ),
    (
        "wanted = max(cfg.calibrate.min_scenes, ",
        "wanted = max(1, ",
        "test_the_sample_is_rounded_up_and_never_below_its_least_number",
    ),
    (
        "image_width_px=width, sensor_width_m=cfg.optics.sensor_width_m",
        "image_width_px=1920, sensor_width_m=cfg.optics.sensor_width_m",
        "test_what_is_recommended_is_p95_of_every_pixel_through_every_lens",
    ),
    (
        "image_width_px=width, sensor_width_m=cfg.optics.sensor_width_m",
        "image_width_px=width, sensor_width_m=0.036",
        "test_what_is_recommended_is_p95_of_every_pixel_through_every_lens",
    ),
    (
        "why_not = implausible(p95, cfg.optics.sensor_width_m)",
        "why_not = implausible(p95, 0.036)",
        "test_a_p95_wider_than_a_tenth_of_the_sensor_is_written_and_not_recommended",
    ),
    (
        'derive_seed(cfg.seed, "calibration sample")',
        'derive_seed(0, "calibration sample")',
        "test_the_sample_is_rounded_up_and_never_below_its_least_number",
    ),
    (
        "return [scene_id for scene_id in scene_ids if scene_id in chosen]",
        "return list(chosen)",
        "test_the_sample_is_rounded_up_and_never_below_its_least_number",
    ),
    (
        '"recommended_max_coc": None if why_not else p95',
        '"recommended_max_coc": p95',
        "test_a_p95_wider_than_a_tenth_of_the_sensor_is_written_and_not_recommended",
    ),
)

APPROVAL = _of(
    "focusgen/phases/approval.py",
    "tests/phases/test_calibrate.py",
    (
        "IMPLAUSIBLE_SHARE_OF_SENSOR = 0.1",
        "IMPLAUSIBLE_SHARE_OF_SENSOR = 0.2",
        "test_a_persons_own_value_is_warned_about_beyond_a_tenth_of_the_sensor",
    ),
    (
        "if blur_m > limit_m:",
        "if blur_m < limit_m:",
        "test_a_persons_own_value_is_warned_about_beyond_a_tenth_of_the_sensor",
    ),
) + _of(
    "focusgen/phases/scene_depth.py",
    "tests/phases/test_calibrate.py",
    (
        'if checksum(kept.tobytes()) == str(self.record.details.get("counts_digest")):',
        "if True:",
        "test_statistics_do_not_depend_on_the_counts_that_phase_3_kept",
    ),
)

SEAMS = (
    _of(
        "focusgen/phases/chunks.py",
        "tests/phases/test_chunks.py",
        ("float(np.median(ratio))", "float(np.mean(ratio))"),
        ("scale = math.exp(step) if align else 1.0", "scale = math.exp(-step) if align else 1.0"),
        ("scale = math.exp(step) if align else 1.0", "scale = math.exp(step)"),
        ("scale = math.exp(step) if align else 1.0", "scale = 1.0"),
        ("residual = _mean_difference(tail, aligned)", "residual = 0.0"),
        ("residual = _mean_difference(tail, aligned)", "residual = _mean_difference(tail, head)"),
        (
            "old * np.float32(1.0 - weight) + new * np.float32(weight)",
            "new * np.float32(1.0 - weight) + old * np.float32(weight)",
        ),
        ("mixed = np.where(np.isfinite(old), mixed, new)", "mixed = np.where(np.isfinite(old), mixed, old)"),
        ("np.where(np.isfinite(new), mixed, old)", "np.where(np.isfinite(new), mixed, new)"),
        ("math.expm1(-step)", "math.expm1(step)"),
        ("if head and recall(number) is None:", "if head:"),
        ("tail.append(_scaled(depth_m, scale))", "tail.append(depth_m)"),
        ('scale = known["scale"] if known else 1.0', "scale = 1.0"),
        ("yield frame, _scaled(depth_m, scale)", "yield frame, depth_m"),
        ("both = np.isfinite(a) & np.isfinite(b) &", "both = np.isfinite(a) &"),
    )
    + _of(
        "focusgen/phases/depth_estimates.py",
        "tests/phases/test_chunks.py",
        ("divmod(int(chunk), 1_000_000)", "(0, int(chunk))"),
    )
    + _of(
        "focusgen/optics/windows.py",
        "tests/optics/test_windows.py",
        (
            "np.arange(1, span.n_frames + 1) / (n_shared + 1.0)",
            "np.arange(0, span.n_frames) / (n_shared + 1.0)",
        ),
        (
            "np.arange(span.n_frames, 0, -1) / (n_shared + 1.0)",
            "np.arange(span.n_frames, 0, -1) / (n_shared + 2.0)",
        ),
        ("return [w / total[span.start : span.stop] for", "return [w for"),
        ("_spans(n_frames, chunk, chunk - overlap)", "_spans(n_frames, chunk, chunk)"),
    )
)

DEPTH = _of(
    "focusgen/phases/depth.py",
    "tests/phases/test_raised_depth.py",
    ("n_invented = sum(patched + raised", "n_invented = sum(patched"),
    ('if details["changed_fraction"] > limit:', "if False:"),
) + _of(
    "focusgen/phases/depth_bounds.py",
    "tests/phases/test_raised_depth.py",
    ("low = depth_m < cfg.min_m", "low = depth_m < 0.0"),
)

TEMPORAL = _of(
    "focusgen/motion/temporal.py",
    "tests/motion/test_temporal.py",
    (
        "max(PHOTOMETRIC_NONE, NOISE_NONE * noise_levels)",
        "PHOTOMETRIC_NONE",
        "test_flow_removes_sensor_noise_that_is_stronger_than_its_limits_for_clean_video",
    ),
    (
        "max(PHOTOMETRIC_FULL, NOISE_FULL * noise_levels)",
        "PHOTOMETRIC_FULL",
        "test_the_limits_of_the_photometric_test_follow_the_noise_and_are_fixed_below_its_floor",
    ),
    (
        "cv2.LUT(gap, self._gap_weights) * hop[..., 2]",
        "cv2.LUT(gap, self._gap_weights)",
        "test_flow_leaves_out_what_is_not_believed",
    ),
    (
        "cv2.LUT(gap, self._gap_weights) * hop[..., 2]",
        "hop[..., 2]",
        "test_even_a_cut_that_nobody_announced_leaves_no_ghost",
    ),
    (
        "flow.disagrees(there_px, back_px) | flow.leaves_frame(there_px)",
        "flow.disagrees(there_px, back_px)",
        "test_a_hop_is_believed_where_there_and_back_agree_inside_the_frame",
    ),
    (
        "flow.disagrees(there_px, back_px) | flow.leaves_frame(there_px)",
        "flow.leaves_frame(there_px)",
        "test_a_hop_is_believed_where_there_and_back_agree_inside_the_frame",
    ),
    (
        "further[..., :2] += hop[..., :2]",
        "further[..., :2] += 0",
        "test_two_hops_add_the_second_where_the_first_arrives_and_multiply_what_is_believed",
    ),
    (
        "further[..., 2] *= hop[..., 2]",
        "further[..., 2] *= 1",
        "test_two_hops_add_the_second_where_the_first_arrives_and_multiply_what_is_believed",
    ),
    (
        "flow.warp_inside(step, hop[..., :2])",
        "flow.warp_bilinear(step, hop[..., :2])",
        "test_two_hops_add_the_second_where_the_first_arrives_and_multiply_what_is_believed",
    ),
    (
        "flow.warp_inside(step, hop[..., :2])",
        "step.copy()",
        "test_two_hops_add_the_second_where_the_first_arrives_and_multiply_what_is_believed",
    ),
    (
        "total += restore(index, draw)",
        "total += restore(index, 0)",
        "test_draws_average_independent_noise_of_every_window_that_covers_a_frame",
    ),
    (
        "np.clip(np.rint(values), 0, 255)",
        "np.clip(values, 0, 255)",
        "test_draws_average_independent_noise_of_every_window_that_covers_a_frame",
    ),
    (
        "noise_levels = clip_noise_levels(read_raw, n_frames, shot_cuts)",
        "noise_levels = 0.0",
        "test_flow_removes_sensor_noise_that_is_stronger_than_its_limits_for_clean_video",
    ),
    (
        "noise_levels = clip_noise_levels(read_raw, n_frames, shot_cuts)",
        "noise_levels = clip_noise_levels(lambda t: read_raw(first + t), stop - first, ())",
        "test_the_noise_of_a_clip_does_not_depend_on_where_a_run_starts",
    ),
)

NOISE = _of(
    "focusgen/motion/noise.py",
    "tests/motion/test_noise.py",
    ("QUANTILE = 0.25", "QUANTILE = 0.75"),
    ("    believed &= (level > CLIPPED_LEVELS)", "    believed |= (level > CLIPPED_LEVELS)"),
    ("cut_segments(n_frames, shot_cuts)", "cut_segments(n_frames, ())"),
    ("flow.warp_bilinear(smoothed(second)", "flow.warp_bilinear(second"),
    ("return np.sqrt(squared[share >= MIN_BELIEVED])", "return squared[share >= MIN_BELIEVED]"),
)

FLOW = _of(
    "focusgen/motion/flow.py",
    "tests/motion/test_flow.py",
    ("CONSISTENCY_OFFSET_PX2 = 0.5", "CONSISTENCY_OFFSET_PX2 = 5.0"),
    ("CONSISTENCY_SLOPE = 0.01", "CONSISTENCY_SLOPE = 0.1"),
    ("BOUNDARY_SLOPE = 0.01", "BOUNDARY_SLOPE = 0.1"),
    ("(x > width - 1)", "(x > width + 9)"),
    ("gap_px2 = _squared_length(fetched + there_px)", "gap_px2 = _squared_length(fetched - there_px)"),
    ("cv2.remap(fine, x + x, y + y, cv2.INTER_CUBIC", "cv2.remap(fine, x, y, cv2.INTER_CUBIC"),
    (
        "fine[::2, 1::2] = between_columns = _half_pixel_on(image, HALF_PIXEL_TAPS[None, :])",
        "fine[::2, 1::2] = between_columns = image",
    ),
    ("energy[:, :-1] += _squared_length", "energy[:, :-1] = 0 * _squared_length"),
)

DEBLUR = (
    _of(
        "focusgen/models/classical.py",
        "tests/models/test_classical.py",
        ("    if not kept:\n", "    if True:\n", "test_no_frame_comes_out_softer_however_noisy_it_is"),
        (
            "UNTOUCHED_BELOW_PX = 0.6",
            "UNTOUCHED_BELOW_PX = 0.0",
            "test_a_sharp_photograph_comes_back_bit_for_bit",
        ),
        (
            "MAX_CHANGE_DB = 37.5",
            "MAX_CHANGE_DB = 20.0",
            "test_the_change_of_a_slightly_soft_picture_is_limited_whatever_its_contrast",
        ),
    )
    + _of(
        "focusgen/phases/deblur.py",
        "tests/phases/test_deblur.py",
        ("job.store.flag(frame, f", "len(f", "test_an_input_frame_published_for_lack_of_memory_is_flagged"),
        (
            "levels > NOISE_FLOOR_LEVELS",
            "levels >= 0.0",
            "test_the_noise_that_the_fusion_weighed_in_is_recorded_where_it_had_a_say",
        ),
        (
            'if job.cfg.deblur.on_oom != "input":',
            "if False:",
            "test_an_input_frame_published_for_lack_of_memory_is_flagged",
        ),
    )
    + _of(
        "focusgen/models/flux/deblurnet.py",
        "tests/models/flux/test_loading.py",
        (
            "BLACK_DELTA = (0, 32)",
            "BLACK_DELTA = (32, 0)",
            "test_the_black_picture_lies_beside_the_tile_that_the_net_knows",
        ),
        (
            "BLACK_DELTA = (0, 32)",
            "BLACK_DELTA = (0, 0)",
            "test_the_black_picture_lies_beside_the_tile_that_the_net_knows",
        ),
    )
)

VALIDATION = (
    _of(
        "focusgen/phases/scene_checks.py",
        "tests/phases/test_validate.py",
        (
            "if not stats_agree(recorded, depth_stats(counts), tolerance):",
            "if False:",
            "test_statistics_that_a_record_vouches_for_are_recomputed_all_the_same",
        ),
        (
            "is_flat(png, size) and spans_levels(sharp)",
            "False",
            "test_a_render_of_one_colour_makes_the_scene_fail",
        ),
        ("< self.min_spearman", "< -2.0", "test_a_render_without_blur_is_warned_about"),
        (
            "int(np.count_nonzero(~np.isfinite(array)))",
            "0",
            "test_labels_and_metadata_without_finite_numbers_are_named",
        ),
    )
    + _of(
        "focusgen/phases/set_checks.py",
        "tests/phases/test_validate.py",
        (
            "if unknown := list(non_finite_keys(metadata)):",
            "if unknown := []:",
            "test_labels_and_metadata_without_finite_numbers_are_named",
        ),
    )
    + _of(
        "focusgen/phases/scene_checks.py",
        "tests/run/test_pipeline.py::test_validation_names_a_label_that_does_not_belong_to_its_depth",
        ("if n_differing and (not tolerance", "if False and (not tolerance"),
    )
    + _of(
        "focusgen/phases/flat_frames.py",
        "tests/phases/test_validate.py",
        (
            "return bool((picture == picture[0, 0]).all())",
            "return False",
            "test_black_frames_that_the_video_does_not_have_make_the_scene_fail",
        ),
        (
            "    if lost:\n",
            "    if False:\n",
            "test_black_frames_that_the_video_does_not_have_make_the_scene_fail",
        ),
        ("if len(flat) >= report.n_frames:", "if False:", "test_a_video_of_one_colour_fails"),
        ("    if fades:\n", "    if False:\n", "test_a_black_frame_of_a_fade_passes_with_a_warning"),
    )
    + _of(
        "focusgen/phases/scene_report.py",
        "tests/phases/test_validate.py",
        (
            "self.measures = {key: finite_only(value) for key, value in self.measures.items()}",
            "pass",
            "test_a_measure_that_is_no_number_becomes_none_and_is_told",
        ),
    )
    + _of(
        "focusgen/phases/validate.py",
        "tests/phases/test_validate.py::test_an_exception_in_one_scene_is_that_scenes_error",
        (
            "except Exception as error:  # noqa: BLE001 - one scene",
            "except KeyError as error:  # noqa: BLE001 - one scene",
        ),
        (
            "except Exception as error:  # noqa: BLE001 - as above",
            "except KeyError as error:  # noqa: BLE001 - as above",
        ),
    )
)

RENDERER = (
    _of(
        "focusgen/models/bokeh/thin_lens.py",
        "tests/models/bokeh/test_thin_lens.py",
        (
            ".clip(-self.max_radius_px, self.max_radius_px)",
            ".clip(-1e9, 1e9)",
            "test_the_planes_are_fixed_by_the_scene_and_cut_at_the_largest_radius",
        ),
        (
            "self._linear = self.camera.light(torch.linspace(0.0, 1.0, 256, device=device))",
            "self._linear = torch.linspace(0.0, 1.0, 256, device=device)",
            "test_the_backend_returns_the_frames_blurred_in_linear_light",
        ),
    )
    + _of(
        "focusgen/models/bokeh/thin_lens.py",
        "tests/phases/test_lens_set.py",
        (
            "        linear = self._linear[rgb8.int()]\n",
            "        from focusgen.models.bokeh.snap import snap_to_colour_edges\n"
            "        radius = snap_to_colour_edges(rgb8 / 255.0, radius)\n"
            "        linear = self._linear[rgb8.int()]\n",
            "test_blur_at_soft_edges_of_predicted_depth_follows_the_published_depth",
        ),
    )
    + _of(
        "focusgen/models/bokeh/discs.py",
        "tests/models/bokeh/test_thin_lens.py::test_an_impulse_becomes_a_disc_of_the_asked_radius_and_the_same_energy",
        ("radius_px * radius_px - 1.0 / 3.0", "radius_px * radius_px - 2.0"),
        ("kernel: Tensor = covered / covered.sum()", "kernel: Tensor = covered / covered.numel()"),
    )
    + _of(
        "focusgen/models/bokeh/planes.py",
        "tests/models/bokeh/test_thin_lens.py",
        (
            "(1.0 - (position - index).abs()).clamp_min(0.0)",
            "(1.0 - 0.8 * (position - index).abs()).clamp_min(0.0)",
        ),
        ("given = -rho * rho.abs()", "given = -rho"),
    )
    + _of(
        "focusgen/models/bokeh/ocp.py",
        "tests/models/bokeh/test_thin_lens.py",
        ('mode="replicate"', 'mode="constant"', "test_the_picture_goes_on_beyond_its_frame_as_at_its_edge"),
        (
            "for index, sides in planes_in_use(positions, len(ladder)):",
            "for index, sides in list(planes_in_use(positions, len(ladder)))[::-1]:",
        ),
    )
    + _of(
        "focusgen/models/bokeh/snap.py",
        "tests/models/bokeh/test_thin_lens.py::test_snapping_gives_a_soft_depth_edge_back_to_the_colour_edge",
        ("torch.where(to_near <= to_far, n, f)", "torch.where(to_near <= to_far, f, n)"),
        ("RAMP_STEP_PX = 2.0", "RAMP_STEP_PX = 0.2"),
    )
)

FOCAL = (
    _of(
        "focusgen/focal/exposure.py",
        "tests/focal/test_exposure.py",
        ("SURE_ERRORS = 4.0", "SURE_ERRORS = 40.0", "test_a_small_gain_is_found_beside_motion_and_noise"),
        (
            "1.25 * 1.48 * np.median(np.abs(logs - middle), 0)",
            "np.std(logs, 0)",
            "test_a_small_gain_is_found_beside_motion_and_noise",
        ),
        ("FEWEST_BLOCKS = 24", "FEWEST_BLOCKS = 2"),
        ("CLIPPED_REACH_PX = 5", "CLIPPED_REACH_PX = 1"),
        ("(means.min(-1) < DARKEST)", "(means.max(-1) < DARKEST)"),
        ("(seen >= clipped_from) & ", "(seen > clipped_from) & "),
        ("slices[self.reference]) for n, one", "slices[0]) for n, one"),
    )
    + _of(
        "focusgen/focal/alignment.py",
        "tests/focal/test_alignment.py",
        ("LEVELS = (8, 4, 2, 1)", "LEVELS = (8, 4, 2)"),
        ("LEVELS = (8, 4, 2, 1)", "LEVELS = (1,)"),
        (
            "(np.eye(3) if step is None else step) @ matrices[n - outward]",
            "matrices[n - outward] @ (np.eye(3) if step is None else step)",
        ),
        ("tuple(sorted(failed))", "()"),
        ("(column <= width - 0.5)", "(column <= width + 0.5)"),
        ("borderMode=cv2.BORDER_REPLICATE", "borderMode=cv2.BORDER_CONSTANT"),
    )
    + _of(
        "focusgen/focal/fusion.py",
        "tests/focal/test_fusion.py",
        ("DEPTH_POWER_PER_PX = 2.5", "DEPTH_POWER_PER_PX = 25.0"),
        ("DEPTH_POWER_PER_GAP = 4.0", "DEPTH_POWER_PER_GAP = 0.0"),
        ("SHARPNESS_POWER = 5.0", "SHARPNESS_POWER = 1.0"),
        ("ENERGY_WINDOW_PX = 1.5", "ENERGY_WINDOW_PX = 5.0"),
        ("STRIP_ROWS, STRIP_MARGIN = 256, 8", "STRIP_ROWS, STRIP_MARGIN = 256, 2"),
        ("floor = ENERGY_FLOOR if radius_px_m else FAINT_ENERGY", "floor = ENERGY_FLOOR"),
    )
)

FILES = (
    _of(
        "focusgen/dataset/file_marks.py",
        "tests/dataset/test_file_marks.py",
        ("facts.append((name, 0, 0, 0, 0))", "pass"),
        ("newest_ns = max(newest_ns, found.st_ctime_ns)", "newest_ns = max(newest_ns, found.st_mtime_ns)"),
        ("else os.path.relpath(path, base)", "else path"),
        ("for name in sorted(files))", "for name in files)"),
        ("onerror=_refuse", "onerror=None"),
        ("except FileNotFoundError:", "except OSError:"),
    )
    + _of(
        "focusgen/media/tiff_pages.py",
        "tests/media/test_tiff_pages.py",
        ("& REDUCED and", "& 2 and"),
        ("[tags.get(WIDTH), tags.get(HEIGHT)] == size", "tags.get(WIDTH) == size[0]"),
        ('positions = text.count("<Pixels")', "positions = 1"),
        ("return axes if said else {SLICES: n_images}", "return axes"),
        ("284, 317,", "284,"),
    )
    + _of(
        "focusgen/phases/depth_standing.py",
        "tests/phases/test_depth_standing.py",
        ("for frame in job.sampled_frames for", "for frame in (0,) for"),
        ("strongest = cv2.dilate(slope, np.ones((3, 3), np.uint8))", "strongest = slope"),
    )
)

MUTANTS: tuple[Mutant, ...] = (
    *COC,
    *LENSES,
    *STATS,
    *LENS_SETS,
    *VERSIONS,
    *CALIBRATION,
    *APPROVAL,
    *SEAMS,
    *DEPTH,
    *TEMPORAL,
    *NOISE,
    *FLOW,
    *DEBLUR,
    *VALIDATION,
    *RENDERER,
    *FOCAL,
    *FILES,
)
