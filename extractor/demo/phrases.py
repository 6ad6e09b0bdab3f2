"""Sentences of the generated progress notes: how wards write of persons, and medicine that must stay as it is.

Owns text with named gaps, nothing else. The gaps are filled by ``extractor.demo.notes``. The medical sentences hold no person on
purpose, but many words that look like one: 华法林, 罗红霉素, 李斯特菌, 帕金森, 云南白药, 石膏, 高热.
"""

OPENINGS: dict[str, tuple[str, ...]] = {
    "首次病程记录": (
        "{name},{sex},{age},{marital},{home}人,因“{complaint}”于{admitted_at}入院。",
        "患者{name},{sex}性,{age},住院号{stay},以“{complaint}”为主诉于{admitted}收入我科{bed}床。",
        "患者:{name} 性别:{sex} 年龄:{age} 住院号:{stay} 住址:{address}。{complaint}入院。",
        "{admitted_at}患者{name}({sex},{age})由{relation}{contact}送入{hospital}{department},病史由{relation}代诉,{complaint}。",
        "{name}{sex}{age},病案号{record},{admitted}经门诊以“{diagnosis}”收住{department},现住{address}。",
        "姓名{name},出生于{born},现住{address},{complaint},为进一步诊治于{admitted}入住我院。",
    ),
    "日常病程": (
        "{today} {called}今日诉{mild},夜间睡眠一般。住院号{stay}。",
        "{today_at}{senior}主任医师查房,患者{name}一般情况可,{mild}。",
        "今日{senior_title}查房,{called}诉较昨日好转,{mild}。患者{name},{bed}床。",
        "{bed}床{name}今为入院第{day}天,{mild},二便正常。",
        "{called}精神尚可,{relation}{contact}陪护在旁,{mild}。",
        "{today}值班医师{resident}记:{name}于凌晨诉{mild},对症处理后缓解。",
        "患者{spaced}今日生命体征平稳,{mild},病案号{record}。",
    ),
    "出院小结": (
        "{name},{sex},{age},住院号{stay},{admitted}入院,{left}出院,共住院{nights}天。",
        "患者{name}因“{complaint}”于{admitted}住入{hospital},经治疗好转,{left}予办理出院。",
        "出院小结:患者{name}(病案号{record}),{admitted}至{left}在我科住院,出院诊断:{diagnosis}。",
        "{called}病情平稳,{senior_title}查房同意今日({left})出院。患者{name},住院{nights}天。",
    ),
    "会诊": (
        "应{department}{attending}医师邀请,于{today}会诊患者{name},{sex},{age},{complaint}。",
        "会诊意见:病史已阅,患者{name},住院号{stay},目前诊断{diagnosis}。",
        "{today_at}请{other_department}会诊:{bed}床{name}({age}),{complaint},请协助诊治。",
    ),
}

PERSONAL: tuple[str, ...] = (
    "{relation}{contact}(电话{contact_phone})已知情并签字。",
    "已电话联系其{relation}{contact},{contact_phone_form},告知病情。",
    "家属{contact}表示理解,联系电话:{contact_phone}。",
    "患者{relation}{contact}要求转{other_hospital}进一步治疗,{attending}医师已沟通。",
    "联系人:{contact}(与患者关系:{relation}),手机{contact_phone_form}。",
    "管床医师{resident}、责任护士{nurse}已行入院宣教。",
    "{head}主任查房后指示:继续目前治疗,{followed}复查。",
    "{attending}主治医师看过病人,同意上述处理。",
    "现住址:{address},邮编{postcode}。",
    "患者{name}户籍{household},长期居住{county}。",
    "病历号{record},住院号{stay},费别:{payment}。",
    "如有不适,随时拨打我科电话0591-8{office}或联系{attending}医师。",
    "{followed}门诊复查,找{senior_title}号。",
    "该患{relation}姓名{contact},住{county}{town},电话{contact_phone}。",
    "与{outsider}医师电话讨论后调整用药,{called}知情。",
    "患者{name}之{relation}{contact}于{today_at}来科取报告。",
)
# Of whom has a past and speaks for himself; of the old.
ADULT: tuple[str, ...] = (
    "患者于{earlier}曾在{other_hospital}住院,当时主管医师嘱定期复查。",
    "{called}诉{earlier_loose}起自觉不适,未重视,{worse}加重后就诊。",
    "责任护士{nurse}交代{called}注意防跌倒,{called}表示配合。",
    "{given}诉夜间咳嗽影响睡眠,{relation}{contact}要求加用安眠药。",
    "{called},{born}出生,既往体健。",
    "既往史:{earlier}于{other_hospital}行手术治疗,主刀{outsider}教授。",
    "术前谈话由{attending}医师向{contact}({relation})交代,{today}签署知情同意书。",
    "{called}及{relation}{contact}对治疗效果满意。",
)
AGED: tuple[str, ...] = (
    "{called}家住{address},独居,{relation}{contact}每日探视。",
    "{relation}诉{called}平素脾气急,近来记忆力减退,曾走失1次,由{town}派出所民警送回。",
)
WITH_ID: tuple[str, ...] = (
    "身份证号{identity}已核对。",
    "患者{name}身份证{identity},医保已登记。",
    "证件号码:{identity},出生日期{born}。",
    "入院登记身份证号码为{identity}与本人相符。",
)
WITH_PHONE: tuple[str, ...] = (
    "本人电话{phone}。",
    "{called}留存手机号{phone_form},便于随访。",
    "随访电话:{phone}({name})。",
    "联系方式{phone},微信同号。",
)

FINDINGS: tuple[str, ...] = (
    "查体:T {temperature}℃,P {pulse}次/分,R 19次/分,BP {pressure}mmHg,神志清楚。",
    "双肺呼吸音粗,未闻及干湿啰音,心律齐,各瓣膜听诊区未闻及病理性杂音。",
    "腹平软,无压痛反跳痛,肝脾肋下未触及,墨菲征阴性,移动性浊音阴性。",
    "血常规:白细胞 {wbc}×10^9/L,血红蛋白 {hb}g/L,血小板 {platelets}×10^9/L。",
    "复查白细胞 16.7×10^9/L,中性粒细胞 85.2%,CRP {crp}mg/L。",
    "生化:ALT 38U/L,肌酐 {creatinine}μmol/L,尿素氮 6.1mmol/L,血钾 {potassium}mmol/L。",
    "凝血:PT 12.6s,INR 1.08,D-二聚体 0.86mg/L。",
    "痰培养示金黄色葡萄球菌,对万古霉素敏感;血培养李斯特菌阴性。",
    "四肢肌力5级,肌张力正常,巴宾斯基征、克尼格征阴性,无霍纳综合征。",
    "心电图:窦性心律,Ⅱ、Ⅲ、aVF导联T波低平。",
    "糖化血红蛋白 7.2%,空腹血糖 {sugar}mmol/L,餐后2小时血糖 11.3mmol/L。",
    "胸部CT:双肺散在慢性炎症,主动脉及冠脉钙化,请结合临床。",
    "颈软,无抵抗,周围血管征阴性,雷诺现象未见,马方综合征依据不足。",
    "体温最高39.1℃,呈弛张热,伴高热寒战1次,予温水擦浴后降至37.6℃。",
    "24小时出入量:入2150ml,出1860ml;体重58.5kg,BMI 22.4。",
    "血气分析:pH 7.41,PaCO2 38mmHg,PaO2 86mmHg,HCO3- 24.1mmol/L。",
    "未及杜氏征象,帕金森综合征、阿尔茨海默病依据不足。",
)
TREATMENTS: tuple[str, ...] = (
    "继续头孢曲松2.0g ivgtt qd抗感染,必要时升级为美罗培南。",
    "低盐低脂饮食,监测血压、血糖,防跌倒、防压疮。",
    "予罗红霉素150mg bid口服,氨溴索30mg雾化祛痰。",
    "华法林3mg改为利伐沙班15mg qd,注意出血倾向。",
    "加用雷贝拉唑护胃,马来酸依那普利10mg qd控制血压。",
    "中医会诊:舌红苔黄腻,脉弦滑,予龙胆泻肝汤加减:柴胡10g、黄芩9g、甘草6g、白术12g。",
    "外敷云南白药,石膏固定松紧适宜,末梢血运好。",
    "何首乌、杜仲等自服草药已嘱停用,警惕药物性肝损伤。",
    "呋塞米20mg iv,螺内酯20mg bid,记24小时尿量。",
    "安定5mg睡前口服,次日晨停。",
    "予氯化钾缓释片1.0g tid补钾,复查电解质。",
    "今日拔除引流管,伤口甲级愈合,隔日换药。",
    "转氨酶较前下降,继续多烯磷脂酰胆碱护肝。",
    "出院带药:阿托伐他汀20mg qn、缬沙坦80mg qd、二甲双胍0.5g bid。",
    "康复科指导早期床旁训练,每日2次,每次20分钟。",
    "青霉素皮试(-),予哌拉西林他唑巴坦4.5g q8h。",
)
MILD: tuple[str, ...] = (
    "咳嗽较前减轻", "无畏寒发热", "稍感乏力", "头晕好转", "胸闷缓解", "食欲欠佳", "伤口轻微疼痛", "夜尿2次", "腹胀较前好转",
)  # fmt: skip
OTHER_HOSPITALS: tuple[str, ...] = (
    "福建省立医院", "福建医科大学附属协和医院", "福建医科大学附属第一医院", "福州市第一医院", "福州市第二医院", "闽侯县医院", "福清市医院",
    "连江县医院", "省协和", "福建省妇幼保健院",
    "上海交通大学医学院附属瑞金医院", "当地卫生院", "洋中街道社区卫生服务中心", "福州孟超肝胆医院",
)  # fmt: skip
